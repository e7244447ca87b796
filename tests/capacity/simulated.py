"""Targets that are simulated turn by turn, and what is exactly true of them.

Each is called like the load engine: with a plan, and with a question that is asked after each second whether that was
enough. Time in them is simulated: minutes of load take a fraction of a second.
"""

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
from hdrh.histogram import HdrHistogram

from wfconform.load.capacity.values import StepResult
from wfconform.load.measured import Health, Measured, Tick
from wfconform.load.plan import Plan

Until = Callable[[Sequence[Tick]], bool]
Turns = list[tuple[float, float]]
"""(when it ended, how long it took), seconds."""


class Model(Protocol):
    """How a target behaves: all turns that end within a time, at a level."""

    def turns(self, level: float, duration_s: float, think_s: float, rng: random.Random) -> Turns: ...


@dataclass(frozen=True)
class Queue:
    """Servers in parallel before one queue, first come first served; stall: (length, period) of a standstill."""

    servers: int
    service_s: float
    exponential: bool = True
    stall: tuple[float, float] = (0.0, 0.0)
    slower: Callable[[float], float] | None = None

    def turns(self, level: float, duration_s: float, think_s: float, rng: random.Random) -> Turns:
        arrivals = [(rng.expovariate(1 / think_s) if think_s else 0.0, i) for i in range(int(level))]
        heapq.heapify(arrivals)
        free = [0.0] * self.servers
        done: Turns = []
        while arrivals[0][0] < duration_s:
            arrived, who = arrivals[0]
            end = self._end(max(arrived, free[0]), rng)
            heapq.heapreplace(free, end)
            heapq.heapreplace(arrivals, (end + (rng.expovariate(1 / think_s) if think_s else 0.0), who))
            done.append((end, end - arrived))
        return done

    def open_turns(
        self, rate: float, duration_s: float, rng: random.Random, *, turns: int, think_s: float
    ) -> tuple[Turns, list[int]]:
        """Sessions that arrive at a rate (Poisson), each of so many turns; and how many are open, second by second."""
        arrivals: list[tuple[float, int]] = []
        at = 0.0
        while (at := at + rng.expovariate(rate)) < duration_s:
            arrivals.append((at, turns))
        begun = sorted(at for at, _ in arrivals)
        ended: list[float] = []
        free = [0.0] * self.servers
        done: Turns = []
        while arrivals:
            arrived, left = heapq.heappop(arrivals)
            if arrived > duration_s:
                break
            end = self._end(max(arrived, free[0]), rng)
            heapq.heapreplace(free, end)
            done.append((end, end - arrived))
            if left > 1:
                heapq.heappush(arrivals, (end + rng.expovariate(1 / think_s), left - 1))
            else:
                ended.append(end)
        ended.sort()
        seconds = range(1, math.ceil(duration_s) + 1)
        return done, [bisect_right(begun, second) - bisect_right(ended, second) for second in seconds]

    def _end(self, start: float, rng: random.Random) -> float:
        length, period = self.stall
        if length and start % period < length:
            start += length - start % period
        took = rng.expovariate(1 / self.service_s) if self.exponential else self.service_s
        end = start + (took * self.slower(start) if self.slower else took)
        return end + length if length and start // period < end // period else end


@dataclass(frozen=True)
class Shared:
    """A processor that all share, its rate by the Universal Scalability Law of how many are in it."""

    alone_per_s: float
    contention: float
    coherency: float

    def rate(self, inside: int) -> float:
        return self.alone_per_s * inside / (1 + self.contention * (inside - 1) + self.coherency * inside * (inside - 1))

    @property
    def peak(self) -> tuple[float, float]:
        """Level and turns per second of the peak without think time."""
        at = math.sqrt((1 - self.contention) / self.coherency)
        return at, max(self.rate(math.floor(at)), self.rate(math.ceil(at)))

    def throughput(self, level: int, think_s: float) -> float:
        """The exact throughput of so many sessions (birth and death process)."""
        weights = _states(self, level, think_s)
        return sum(weight * self.rate(inside) for inside, weight in enumerate(weights) if inside)

    def turns(self, level: float, duration_s: float, think_s: float, rng: random.Random) -> Turns:
        inside: list[float] = [0.0] * int(level) if not think_s else []
        thinking = int(level) - len(inside)
        rates = [0.0, *(self.rate(n) for n in range(1, int(level) + 1))]
        now, done = 0.0, []
        while now < duration_s:
            leaving, coming = rates[len(inside)], thinking / think_s if think_s else 0.0
            now += rng.expovariate(leaving + coming)
            if rng.random() * (leaving + coming) < coming:
                thinking -= 1
                inside.append(now)
                continue
            index = rng.randrange(len(inside))
            done.append((now, now - inside[index]))
            if think_s:
                thinking += 1
                inside[index] = inside[-1]
                inside.pop()
            else:
                inside[index] = now
        return done


def _states(shared: Shared, level: int, think_s: float) -> list[float]:
    logs = [0.0]
    for inside in range(1, level + 1):
        logs.append(logs[-1] + math.log((level - inside + 1) / think_s / shared.rate(inside)))
    top = max(logs)
    whole = sum(math.exp(value - top) for value in logs)
    return [math.exp(value - top) / whole for value in logs]


@dataclass
class Target:
    """A model as the load engine would measure it; health: what the generator says of itself at a level."""

    model: Model
    seed: int = 1
    violations_from: float = math.inf
    violated: str = "TRN-002"
    refused_from: float = math.inf
    failed_from: float = math.inf
    health: Callable[[float], Health] = lambda level: Health()
    calls: list[float] = field(default_factory=list)
    spent_s: float = 0.0

    def __call__(self, plan: Plan, until: Until) -> Measured:
        warm_up, steady = plan.stages
        level = steady.end
        rng = random.Random(f"{self.seed} {len(self.calls)} {level}")
        self.calls.append(level)
        turns, opened = self._turns(plan, level, rng)
        seconds = _by_second(turns, math.ceil(plan.duration_s))
        ticks = _ticks(seconds, opened, level, int(warm_up.duration_s), until)
        self.spent_s += len(ticks)
        return self._measured(level, turns, ticks, int(warm_up.duration_s))

    def _turns(self, plan: Plan, level: float, rng: random.Random) -> tuple[Turns, list[int]]:
        if plan.stages[1].model == "closed":
            turns = self.model.turns(level, plan.duration_s, plan.think.mean_s, rng)
            return turns, [int(level)] * math.ceil(plan.duration_s)
        assert isinstance(self.model, Queue)
        return self.model.open_turns(level, plan.duration_s, rng, turns=plan.turns[0], think_s=plan.think.mean_s)

    def _measured(self, level: float, turns: Turns, ticks: list[Tick], warm_up_s: int) -> Measured:
        took = [took for end, took in turns if warm_up_s <= end < len(ticks)]
        encoded = encode(took)
        failed = len(took) // 10 if level >= self.failed_from else 0
        return Measured(
            duration_s=float(len(ticks)),
            steady_s=float(len(ticks) - warm_up_s),
            sessions={},
            turns=sum(tick.turns for tick in ticks),
            stops=0,
            refused=len(took) // 10 if level >= self.refused_from else 0,
            failed=failed,
            violations={self.violated: 3} if level >= self.violations_from else {},
            exercised={"TRN-002": len(took)},
            latency={"turn next": encoded},
            corrected={"turn next": encoded},
            by_turn={},
            health=self.health(level),
            steady_turns=len(took),
            series=tuple(ticks),
        )


def a_step(level: float, *, broken: bool) -> StepResult:
    """A step's result, for tests of what is made of steps; broken: an invariant is."""
    return StepResult(
        level=level,
        purpose="edge",
        spent_s=10,
        steady_s=8,
        warm_up_s=2,
        turns=1000,
        turns_per_s=100,
        turns_per_s_error=1,
        steady=True,
        transient_s=0,
        inside=1,
        turn_ms=(1, 2, 3),
        raw_ms=(1, 2, 3),
        violations=(("TRN-002", 1),) if broken else (),
    )


def encode(latencies_s: Sequence[float]) -> str:
    """Return latencies as a histogram in its base64 form."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    values, counts = np.unique(np.maximum(np.array(latencies_s) * 1e6, 1).astype(int), return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(value, count)
    text: str = histogram.encode().decode()
    return text


def _by_second(turns: Turns, seconds: int) -> list[list[float]]:
    bins: list[list[float]] = [[] for _ in range(seconds)]
    for end, took in turns:
        if end < seconds:
            bins[int(end)].append(took)
    return bins


def _ticks(seconds: list[list[float]], opened: list[int], level: float, warm_up_s: int, until: Until) -> list[Tick]:
    ticks: list[Tick] = []
    for second, (took, open_now) in enumerate(zip(seconds, opened, strict=True)):
        ticks.append(_tick(second, took, open_now, level, "warm-up" if second < warm_up_s else "steady"))
        if second >= warm_up_s and until(ticks):
            break
    return ticks


def _tick(second: int, took: list[float], opened: int, level: float, phase: str) -> Tick:
    ordered = sorted(took)
    ranks = [min(int(len(ordered) * q), len(ordered) - 1) for q in (0.5, 0.95, 0.99, 1)]
    shown = tuple(int(1e6 * ordered[rank]) for rank in ranks) if ordered else None
    return Tick(
        second=second,
        stage=phase,
        phase=phase,
        sessions_open=opened,
        sessions_started=0,
        sessions_ended=0,
        turns=len(took),
        stops=0,
        refused=0,
        failed=0,
        violations=0,
        wanted=level,
        late_starts=0,
        turn_us=shown,  # type: ignore[arg-type]
    )


# what is exactly true


def occupancy(level: int, servers: int, service_s: float, think_s: float) -> list[float]:
    """Return the probabilities of 0 … N turns in the system, exponential times (machine repairman, M/M/c//N)."""
    logs = [0.0]
    for inside in range(1, level + 1):
        up = (level - inside + 1) / think_s
        down = min(inside, servers) / service_s
        logs.append(logs[-1] + math.log(up / down))
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def exact_throughput(level: int, servers: int, service_s: float, think_s: float) -> float:
    """Return turns per second of so many sessions, exponential times; the same as exact mean value analysis."""
    found = occupancy(level, servers, service_s, think_s)
    return sum(p * min(inside, servers) / service_s for inside, p in enumerate(found))


def exact_beyond(level: int, servers: int, service_s: float, think_s: float, limit_s: float) -> float:
    """Return the share of turns that take longer than a limit: an arrival sees the system with one session less.

    With k servers free it takes a service; with m turns ahead in the queue, m + 1 departures and a service.
    """
    from scipy.stats import gamma

    seen = np.array(occupancy(level - 1, servers, service_s, think_s))
    free, waiting = seen[:servers].sum(), seen[servers:]
    alone = math.exp(-limit_s / service_s)
    if not len(waiting):
        return float(free * alone)
    grid = np.linspace(0, limit_s, 401)
    shapes = np.arange(1, len(waiting) + 1)
    relevant = waiting > 1e-12
    wait_beyond = gamma.sf(grid[None, :], shapes[relevant, None], scale=service_s / servers)
    # P(W + S > t) = P(W > t) + integral of f_W(w) exp(-(t - w) / S) over w < t, by parts on a grid
    survival = (waiting[relevant, None] * wait_beyond).sum(0)
    inside = np.diff(-survival) * np.exp(-(limit_s - (grid[1:] + grid[:-1]) / 2) / service_s)
    return float(free * alone + survival[-1] + inside.sum())


@cache
def exact_sessions(servers: int, service_s: float, think_s: float, quantile: float, limit_s: float) -> int:
    """Return the largest number of sessions at which that quantile of exponential turns stays under the limit."""
    low, high = 0, 4
    while exact_beyond(high, servers, service_s, think_s, limit_s) <= 1 - quantile:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        holds = exact_beyond(middle, servers, service_s, think_s, limit_s) <= 1 - quantile
        low, high = (middle, high) if holds else (low, middle)
    return low


def exact_arrivals(servers: int, service_s: float, turns: int, quantile: float, limit_s: float) -> float:
    """Return the session rate at which that quantile of exponential turns reaches the limit.

    A session's turns come back to the same queue; that leaves it M/M/c (Jackson), and a turn sees it as it is.
    """
    low, high = 0.0, servers / service_s
    while high - low > 1e-4 * high:
        rate = (low + high) / 2
        low, high = (rate, high) if _open_beyond(rate, servers, service_s, limit_s) <= 1 - quantile else (low, rate)
    return low / turns


def _open_beyond(turns_per_s: float, servers: int, service_s: float, limit_s: float) -> float:
    """P(W + S > t) of M/M/c: W is 0, or with Erlang's probability exponential."""
    offered, served = turns_per_s * service_s, 1 / service_s
    terms = [offered**n / math.factorial(n) for n in range(servers)]
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    waits = last / (sum(terms) + last)
    drains = servers * served - turns_per_s
    alone = math.exp(-served * limit_s)
    both = (served * math.exp(-drains * limit_s) - drains * alone) / (served - drains)
    return (1 - waits) * alone + waits * both


@cache
def simulated_sessions(queue: Queue, think_s: float, quantile: float, limit_s: float) -> float:
    """Return the same for a queue that has no formula, by simulations of an hour each (about 0.3 % precise)."""
    low, high = 1.0, 2 * queue.servers * (think_s + limit_s) / queue.service_s
    while high - low > max(0.003 * high, 1.0):
        level = round((low + high) / 2)
        took = [took for end, took in queue.turns(level, 600.0, think_s, random.Random(level)) if end > 30]
        holds = float(np.quantile(took, quantile)) <= limit_s
        low, high = (level, high) if holds else (low, level)
    return low
