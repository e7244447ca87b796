"""Memory of `wfconform check --examples 2000`, phase by phase: what it needs must not grow with what it has made.

Run it with `.venv/bin/python benchmarks/generated_memory.py [--examples 2000] [--minutes 30]`. The reference is served
by a process of its own, for its runs would be counted otherwise. Resident memory is read once a second; of each phase
the median of its second quarter is held against that of its last. Exits 1 where a phase grew by more than 5 %, or where
the check did not end with 0.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY

MAIN = [sys.executable, "-c", "from wfconform.cli import main; main()"]
KEYS = {"WFCONFORM_API_KEY": DEVELOPMENT_KEY, "WFCONFORM_SECOND_API_KEY": SECOND_DEVELOPMENT_KEY}
PORT = 8197
GROWTH = 1.05


@contextmanager
def served(config: Path) -> Iterator[None]:
    """Serve the reference, and have it write the description of itself."""
    command = [*MAIN, "serve", "--port", str(PORT), "--write-config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not config.exists():
                time.sleep(0.1)
            time.sleep(1.0)
            yield
        finally:
            process.terminate()


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def watched(command: Sequence[str]) -> tuple[int, list[float], float]:
    """Run a command; return its exit code, its resident MiB second by second, and how long it took."""
    begun_s, seen = time.monotonic(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **KEYS}) as process:
        while process.poll() is None:
            seen.append(resident_mib(process.pid))
            time.sleep(1.0)
    return process.returncode, seen, time.monotonic() - begun_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=30.0, help="the check's time budget")
    given = parser.parse_args()
    with TemporaryDirectory() as place, served(Path(place) / "served.toml"):
        report = Path(place) / "report.json"
        asked = ["--examples", str(given.examples), "--no-scripted", "--time-budget", str(given.minutes * 60)]
        described = ["--config", str(Path(place) / "served.toml"), "--json", str(report), "--quiet"]
        code, seen, took_s = watched([*MAIN, "check", *asked, *described])
        if not report.exists():
            return code
        run = json.loads(report.read_text(encoding="utf-8"))
    grew = False
    at_s = took_s - sum(phase["duration_s"] for phase in run["phases"])  # what comes after them takes no time
    for phase in run["phases"]:
        span_s = phase["duration_s"]
        of_phase = seen[int(at_s) : int(at_s + span_s)]
        at_s += span_s
        quarter = len(of_phase) // 4
        if not quarter:
            print(f"{phase['name']:<12} {span_s:6.0f} s: too short to tell")
            continue
        early = statistics.median(of_phase[quarter : 2 * quarter])
        late = statistics.median(of_phase[-quarter:])
        grew = grew or late > GROWTH * early
        print(f"{phase['name']:<12} {phase['requests']:6} requests in {phase['sessions']:5} sessions, {span_s:4.0f} s: "
              f"{early:.0f} MiB in its second quarter, {late:.0f} MiB in its last ({late / early:.2f} x) "
              f"{phase['note']}")  # fmt: skip
    print(f"exit {code}; at most {max(seen):.0f} MiB")
    return 1 if grew or code else 0


if __name__ == "__main__":
    sys.exit(main())
