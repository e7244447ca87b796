"""One generator process for bench_load.py: `load_process.py URL KEY turns|waiting|latency|paced|arrivals|flat …`."""

import gevent.monkey

gevent.monkey.patch_all()

import gc
import resource
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent

from wfconform.load.connection import Reply
from wfconform.load.fields import decode_completed, decode_waiting
from wfconform.load.generator import Generator
from wfconform.load.ordinary import ACCEPTED
from wfconform.load.plan import Plan, Stage, Think
from wfconform.load.playing import Playing
from wfconform.load.session import Plain
from wfconform.load.shared import Shared
from wfconform.load.tally import Cells, Delta, add_cells, percentile
from wfconform.target import Access, Secret, Target, Workflows

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
USERS, TURNS = 50, 5
PACED_USERS = 100
FOR_EVER_S = 3600.0


class Floor:
    """Checks off: reads the whole answer into the same typed fields, which any client must, and judges nothing."""

    epoch_s = 0.0

    def accepts(self, plain: Plain, reply: Reply) -> int:
        if reply.head is None or reply.head.status != 200:
            return 0
        answer = decode_completed(reply.body) if plain.ends else decode_waiting(reply.body)
        session = plain.session
        session.run_id, session.turn, session.status = answer.run_id, answer.turn_number, answer.status
        return ACCEPTED


class Process:
    def __init__(self, base_url: str, key: str, *, floor: bool) -> None:
        flows = Workflows(WORKFLOW, conversation_end="goodbye", echoes=True)
        self.shared = Shared(Target(Access(base_url, api_key=Secret(key)), flows), seed=1)
        if floor:
            self.shared.ordinary = Floor()  # type: ignore[assignment]
            for check in ("_strictly", "opened"):
                setattr(Playing, check, lambda *_: None)
        self.broken: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.latency: Cells = {}
        self.delays: Cells = {}

    def run(self, *stages: Stage, mix: str = "complete", think: Think | None = None, watch: Any = None) -> None:
        plan = Plan("bench", stages, ((mix, 1.0),), think or Think("constant", 0.0), (TURNS, TURNS), leave_open=True)
        generator = Generator(self.shared, plan, self.take)
        if watch is not None:
            gevent.spawn(watch, generator)
        generator.run()
        if self.broken:
            raise SystemExit(f"the stub broke something: {dict(self.broken)}")

    def take(self, delta: Delta) -> None:
        """Add up; a run keeps no more of its seconds than its ticks."""
        self.broken.update(delta.violations)
        self.counts.update(delta.counts)
        for name, cells in delta.latency.items():
            if "turn" in name:
                add_cells(self.latency, cells)
        add_cells(self.delays, delta.delays.get("schedule", {}))

    @property
    def turns(self) -> int:
        return sum(self.latency.values())


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def steady(seconds: float, sessions: float, model: Any = "closed") -> Stage:
    return Stage("steady", model, "steady", seconds, sessions, sessions)


def turns(process: Process, seconds: str) -> dict[str, float]:
    begun_s = cpu_s()
    process.run(steady(float(seconds), USERS))
    return {"us_per_turn": (cpu_s() - begun_s) / process.turns * 1e6, "turns": process.turns}


def waiting(process: Process, sessions: str) -> dict[str, float]:
    wanted = int(sessions)
    gc.collect()
    before = resident_kib()
    told: dict[str, int] = {}

    def watch(generator: Generator) -> None:
        for _ in range(600):
            gevent.sleep(0.1)
            if process.shared.answers >= wanted:
                break
        gevent.sleep(1.0)
        told.update(kib=resident_kib() - before, open=generator.open_sessions)
        generator.interrupt()

    process.run(steady(90.0, wanted), mix="abandon", think=Think("constant", FOR_EVER_S), watch=watch)
    connections = process.shared.wires.opened
    return {"kib_per_session": told["kib"] / wanted, "connections": connections, "open": told["open"]}


def latency(process: Process, seconds: str) -> dict[str, float]:
    process.run(steady(float(seconds), 5), think=Think("constant", 0.002))
    cells = process.latency
    return {f"p{share}_ms": percentile(cells, share / 100) / 1000 for share in (50, 95, 99)}


def paced(process: Process, rate: str, seconds: str) -> dict[str, float]:
    """So many turns per second, from users with exponential pauses between turns."""
    pause_s = PACED_USERS / float(rate)
    begun_s = cpu_s()
    process.run(steady(float(seconds), PACED_USERS), think=Think("exponential", pause_s * TURNS / (TURNS - 1)))
    us = (cpu_s() - begun_s) / process.turns * 1e6
    return {
        "p99_ms": percentile(process.latency, 0.99) / 1000,
        "rate": process.turns / float(seconds),
        "us_per_turn": us,
    }


def arrivals(process: Process, rate: str, seconds: str) -> dict[str, float]:
    process.run(steady(float(seconds), float(rate), "open"))
    counts, delays = process.counts, process.delays
    asked = float(rate) * float(seconds)
    draws = abs(counts["requested"] - asked) / asked
    print(f"asked {asked:.0f}, drawn {counts['requested']} ({draws:.1%} off by chance), begun {counts['started']}")
    missing = 1 - counts["started"] / max(1, counts["requested"])
    return {"missing_share": missing, "delay_p99_ms": percentile(delays, 0.99) / 1000}


def flat(process: Process, total: str) -> dict[str, float]:
    tenth = int(total) // 10
    looks: list[tuple[int, float, int]] = []

    def watch(generator: Generator) -> None:
        while len(looks) < 11:
            gevent.sleep(0.05)
            if process.shared.answers >= len(looks) * tenth:
                looks.append((process.shared.answers, cpu_s(), resident_kib()))
        generator.interrupt()

    process.run(steady(FOR_EVER_S, USERS), watch=watch)
    costs = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(looks)]
    print(", ".join(f"{cost * 1e6:.1f}" for cost in costs), "us per turn by tenths")
    return {"cpu_ratio": costs[-1] / costs[0], "memory_ratio": looks[-1][2] / looks[1][2]}


def main() -> None:
    base_url, key, what, *arguments = [one for one in sys.argv[1:] if one != "--floor"]
    process = Process(base_url, key, floor="--floor" in sys.argv)
    measures: dict[str, Any] = {
        "turns": turns,
        "waiting": waiting,
        "latency": latency,
        "paced": paced,
        "arrivals": arrivals,
        "flat": flat,
    }
    for name, value in measures[what](process, *arguments).items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main()
