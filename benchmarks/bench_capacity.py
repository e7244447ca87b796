"""Live capacity runs against loopback servers of known capacity: what is found beside what is true.

Run it with `.venv/bin/python benchmarks/bench_capacity.py [--short] [--pages FOLDER] [NAME …]` on a machine that does
nothing else; each run takes under three minutes of load, `arrivals` ten (`--short`: 80 s, and intervals up to 10 %
either way), it prints a table in Markdown, and it exits 1 when a limit is missed. Each server is the reference in a
process of its own; its turns wait for one of C servers, in the order in which they came, and hold it for an
exponential time (`queue`), take longer the more of them there are (`law`), or stand still for 1 s in every 10 s
(`stall`); `arrivals` is the queue again, asked for sessions per second. What is true: of the queue by the exact model
(machine repairman), of arrivals by M/M/10, of the law by its formula. `--pages FOLDER` keeps each run's HTML report
there.
"""

import argparse
import asyncio
import heapq
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.capacity.simulated import Shared, exact_arrivals, exact_sessions  # noqa: E402

from wfconform.config import dumps  # noqa: E402
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, describe, embedded_app, serving  # noqa: E402

SERVERS, SERVICE_S, THINK_S, LIMIT_S = 10, 0.05, 1.0, 0.5
LAW = Shared(20.0, 0.02, 0.004)
STALL_S, PERIOD_S = 1.0, 10.0
WHOLE = ("--budget", "170s")
LONGER = {"arrivals": ("--budget", "10min")}  # an open queue takes minutes to fill
SHORT = ("--budget", "80s", "--tolerance", "0.05")


class Slowed:
    """Holds each turn up before it is answered; a stop passes at once."""

    def __init__(self, app: ASGIApp, wait: Callable[[], Any]) -> None:
        self.app, self.wait = app, wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        message = await receive()
        if b'"stop"' not in message.get("body", b""):
            await self.wait()
        unread = [message]

        async def again() -> Any:
            return unread.pop() if unread else await receive()

        await self.app(scope, again, send)


def queue() -> Callable[[], Any]:
    free, draws = [0.0] * SERVERS, random.Random(1)

    async def wait() -> None:
        now = time.monotonic()
        end = max(now, free[0]) + draws.expovariate(1 / SERVICE_S)
        heapq.heapreplace(free, end)  # by the clock: a process that is woken late loses no capacity
        await asyncio.sleep(end - now)

    return wait


def law() -> Callable[[], Any]:
    inside = 0

    async def wait() -> None:
        nonlocal inside
        inside += 1
        try:
            await asyncio.sleep(inside / LAW.rate(inside))
        finally:
            inside -= 1

    return wait


def stall() -> Callable[[], Any]:
    async def wait() -> None:
        into = time.monotonic() % PERIOD_S
        await asyncio.sleep(STALL_S - into if into < STALL_S else 0.005)

    return wait


def serve_child(make: Callable[[], Callable[[], Any]], pipe: Connection) -> None:
    with serving(Slowed(embedded_app(), make())) as base_url:
        pipe.send(base_url)
        pipe.recv()


@contextmanager
def served(make: Callable[[], Callable[[], Any]]) -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_child, args=(make, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def searched(base_url: str, *options: str) -> dict[str, Any]:
    """Run `wfconform capacity` and return the capacity part of its report."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "capacity.json"
        config = Path(folder) / "target.toml"
        config.write_text(dumps(describe(base_url)))
        command = ["-c", "from wfconform.cli import main; main()", "capacity", "--config", str(config)]
        environment = {
            **os.environ,
            "WFCONFORM_API_KEY": DEVELOPMENT_KEY,
            "WFCONFORM_SECOND_API_KEY": SECOND_DEVELOPMENT_KEY,
            "PYTHONPATH": str(ROOT / "src"),
        }
        more = ("--json", str(path), *options)
        ended = subprocess.run([sys.executable, *command, *more], env=environment, check=False)
        if not path.exists():
            sys.exit(f"wfconform capacity ended with {ended.returncode} and no report: {' '.join(more)}")
        found: dict[str, Any] = json.loads(path.read_text())["capacity"]
        return found


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    measured: float | None
    interval: list[float] | None
    truth: float
    within: float

    @property
    def met(self) -> bool:
        return self.measured is not None and abs(self.measured - self.truth) <= self.within * self.truth

    @property
    def verdict(self) -> str:
        return "met" if self.met else "MISSED"


def bench_queue(length: Sequence[str]) -> list[Row]:
    with served(queue) as url:
        slo = ("--slo", f"turn.p95 < {LIMIT_S * 1000:g}ms", "--think", f"{THINK_S:g}s")
        found = searched(url, *length, "--max-sessions", "1000", *slo)
    truth = exact_sessions(SERVERS, SERVICE_S, THINK_S, 0.95, LIMIT_S)
    saturation = found["saturation_turns_per_s"], found["saturation_interval"], SERVERS / SERVICE_S, 0.05
    return [
        Row("queue: saturation, turns/s", *saturation),
        Row("queue: sessions at p95 < 500 ms", found["sessions"], found["sessions_interval"], truth, 0.05),
    ]


def bench_arrivals(length: Sequence[str]) -> list[Row]:
    """Show the open model: its interval may be up to 3 % wider, since only some of the turns are beyond the limit."""
    slo = ("--slo", f"turn.p95 < {LIMIT_S * 1000:g}ms", "--think", f"{THINK_S:g}s")
    with served(queue) as url:
        found = searched(url, *length, "--arrivals", "--max-arrivals", "100", *slo)
    truth = exact_arrivals(SERVERS, SERVICE_S, 5, 0.95, LIMIT_S)
    return [Row("arrivals: sessions/s at p95 < 500 ms", found["sessions"], found["sessions_interval"], truth, 0.06)]


def bench_law(length: Sequence[str]) -> list[Row]:
    with served(law) as url:
        found = searched(url, *length, "--think", "0s", "--max-sessions", "200")
    return [Row("law: peak, turns/s", found["saturation_turns_per_s"], found["saturation_interval"], LAW.peak[1], 0.10)]


def bench_stall(length: Sequence[str]) -> list[Row]:
    """Show that a stall is judged: uncorrected, p99 would hold at the least load; corrected, it does not."""
    with served(stall) as url:
        found = searched(url, *length, "--slo", "turn.p99 < 500ms", "--think", "50ms", "--max-sessions", "32")
    return [Row("stall: sessions at p99 < 500 ms", found["sessions"], found["sessions_interval"], 0.0, 0.0)]


BENCHES = {"queue": bench_queue, "arrivals": bench_arrivals, "law": bench_law, "stall": bench_stall}


def cells(row: Row) -> tuple[str, ...]:
    found = "none" if row.measured is None else f"{row.measured:.4g}"
    interval = "" if row.interval is None else f"{row.interval[0]:.4g} to {row.interval[1]:.4g}"
    held = row.interval is not None and row.interval[0] <= row.truth <= row.interval[1]
    return row.name, found, interval, f"{row.truth:.4g}", "yes" if held else "no", f"{row.within:.0%}", row.verdict


def options(name: str, *, short: bool, pages: Path | None) -> tuple[str, ...]:
    length = SHORT if short else LONGER.get(name, WHOLE)
    return length if pages is None else (*length, "--html", str(pages.resolve() / f"capacity-{name}.html"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--pages", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    names = given.names or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    rows = [row for name in names for row in BENCHES[name](options(name, short=given.short, pages=given.pages))]
    print("\n| | found | 95 % interval | true | in it | limit | verdict |\n|---|---:|---|---:|---|---:|---|")
    for row in rows:
        print(f"| {' | '.join(cells(row))} |")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
