"""How the generator itself does: event-loop lag, CPU, file descriptors."""

import gc
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

import gevent

LAG_EVERY_S = 0.02
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 100
_SPARE_FILES = 64


def raise_open_files() -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one; return how many are open now, and the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return open_files(), hard


def open_files() -> int:
    """Count the open file descriptors."""
    listed = Path("/proc/self/fd")
    return sum(1 for _ in listed.iterdir()) if listed.is_dir() else _SPARE_FILES


def calm_collector() -> None:
    """Keep the cyclic collector from walking thousands of waiting sessions: the hot path makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


@dataclass(slots=True)
class Cpu:
    """The CPU time of this process, as a share of one core since the last look."""

    _cpu_s: float = 0.0
    _wall_ns: int = 0

    def share(self) -> float:
        """Return the share since the last call."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s, wall_ns = used.ru_utime + used.ru_stime, perf_counter_ns()
        took_s, self._wall_ns = (wall_ns - self._wall_ns) / 1e9, wall_ns
        spent_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        return round(spent_s / took_s, 4) if took_s > 0 else 0.0


def watch_lag(count: Callable[[int], None]) -> None:
    """Tell, for ever, by how many microseconds the event loop woke a sleeper too late."""
    while True:
        due_ns = perf_counter_ns() + int(LAG_EVERY_S * 1e9)
        gevent.sleep(LAG_EVERY_S)
        count(max(0, perf_counter_ns() - due_ns) // 1000)
