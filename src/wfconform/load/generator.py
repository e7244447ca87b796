"""Makes the load of one process: sessions at once or arrivals per second, as the plan's stages say, and the end.

Closed: each slot begins a session when its last one ended; slots begin at a random phase. Open: one dispatcher starts
sessions at Poisson times and waits for no answer. At the end what still runs is drained, and stopped unless it is to
be left open.
"""

from collections.abc import Callable
from random import Random
from time import perf_counter_ns
from typing import Any

import gevent
from gevent.event import Event

from wfconform.errors import HarnessError, UsageError
from wfconform.load.health import Cpu, calm_collector, raise_open_files, watch_lag
from wfconform.load.pacing import arrivals, level, share_of, thinker, timed
from wfconform.load.plan import Plan, Stage
from wfconform.load.playing import LeavingError, Playing
from wfconform.load.shared import Shared
from wfconform.load.tally import Delta
from wfconform.scenarios.sessions import VISITS, Visit, VisitSpec
from wfconform.target import Target

STEP_S = 0.05  # how often a closed stage looks at its level
LATE_US = 10_000
LONGEST_PHASE_S = 10.0
STOPPERS = 32
STOP_ROUNDS = 3
FEWEST_SPARE_FILES = 0.9
PAUSE_AFTER_FAILURE_S = (0.1, 0.5)


def refuse_unplayable(plan: Plan, target: Target) -> None:
    """Raise UsageError for sessions that the target lacks something for, and for a plan of nothing."""
    offers = target.offers
    for name, weight in plan.mix:
        spec = VISITS.get(name)
        if spec is None:
            raise UsageError(f"no session is called {name!r}", hint=f"one of: {', '.join(VISITS)}")
        lacking = sorted(spec.needs - offers)
        if weight > 0 and lacking:
            needs = ", ".join(_NEEDS.get(need, f"the role {need}") for need in lacking)
            raise UsageError(
                f"sessions of the kind {name!r} need what the target file does not give: {needs}",
                hint="add it under [workflows], or take the kind out of the mix",
            )
        if plan.turns[0] < spec.least_turns and weight > 0:
            raise UsageError(f"sessions of the kind {name!r} have {spec.least_turns} turns at least")
    if not plan.stages or not any(weight > 0 for _, weight in plan.mix):
        raise UsageError("the plan has no stage, or no session in its mix")


_NEEDS = {"end": "the text that ends the conversation (conversation_end)"}


class Choice:
    """Draws the visits of one process. index: its number, so that each process draws others."""

    def __init__(self, plan: Plan, shared: Shared, *, index: int) -> None:
        self._chance = Random(f"{plan.seed}/{index}")  # noqa: S311 - repeatable, not secret
        self._names = [name for name, weight in plan.mix if weight > 0]
        self._weights = [weight for _, weight in plan.mix if weight > 0]
        self._plan, self._client = plan, shared.client
        shared.tally.times_slow = all("slow" in VISITS[name].needs for name in self._names)
        self.think = thinker(plan.think, self._chance)
        self.chance = self._chance

    def draw(self) -> tuple[str, VisitSpec, Visit]:
        """Return the next session's kind, and what its user does."""
        one = len(self._names) == 1
        name = self._names[0] if one else self._chance.choices(self._names, self._weights)[0]
        least, most = self._plan.turns
        turns = least if least == most else self._chance.randint(least, most)
        spec = VISITS[name]
        visit = Visit(self._client, max(turns, spec.least_turns), self.think, self._text, self._chance.getrandbits(16))
        return name, spec, visit

    def _text(self, number: int) -> str | None:
        texts = self._plan.texts
        return texts[(number - 2) % len(texts)] if texts else None

    def phase_s(self) -> float:
        """Return how long a new slot waits before its first session."""
        return self._chance.uniform(0.0, min(self._plan.think.mean_s, LONGEST_PHASE_S))


class Generator:
    """One process's load. emit: takes each Delta; index, count: which of how many processes this one is."""

    def __init__(
        self, shared: Shared, plan: Plan, emit: Callable[[Delta], None], *, index: int = 0, count: int = 1
    ) -> None:
        self._shared, self._plan, self._emit = shared, plan, emit
        self._index, self._count = index, count
        self._choice = Choice(plan, shared, index=index)
        self._plays: set[Playing] = set()
        self._slots = self._wanted = 0
        self._stage: Stage | None = None
        self._over = Event()
        self._broken: Exception | None = None
        self._cpu = Cpu()
        self._second = 0
        self._begun_ns = 0
        self._cut_s = 0.0
        self._files = self._files_limit = 0
        self.interrupted = False
        shared.leave_open, shared.one_each = plan.leave_open, plan.one_each

    # --- the run

    def run(self) -> None:
        """Carry out the plan, drain, stop what is open, emit the last Delta; raises HarnessError for our own faults."""
        self._files, self._files_limit = raise_open_files()
        calm_collector()
        self._begun_ns = self._shared.begun_ns = perf_counter_ns()
        self._cpu.share()
        lag = gevent.spawn(watch_lag, lambda us: self._shared.tally.delay("loop lag", us))
        ticker = gevent.spawn(self._tick)
        try:
            for begins_s, stage in timed(self._plan):
                self._enter(stage)
                (self._closed if stage.model == "closed" else self._open)(begins_s, stage)
                if self._over.is_set():
                    break
            self._enter(None)
            self._end()
        finally:
            gevent.killall([lag, ticker])
        self._cut()
        if self._broken is not None:
            raise HarnessError(f"the load generator failed in a session: {self._broken!r}") from self._broken

    def interrupt(self) -> None:
        """End early: drain and stop what is open; a second time, leave at once."""
        if self.interrupted:
            self._shared.leave_open = True
            for playing in list(self._plays):
                if playing.greenlet is not None:
                    playing.greenlet.kill(block=False)
        self.interrupted = True
        self._over.set()

    @property
    def open_sessions(self) -> int:
        """How many sessions are going on."""
        return len(self._plays)

    def _enter(self, stage: Stage | None) -> None:
        """Begin a stage; what was counted before belongs to the last one."""
        if self._stage is not None:
            self._cut(whole=False)
        self._stage = stage

    def _elapsed_s(self) -> float:
        return (perf_counter_ns() - self._begun_ns) / 1e9

    # --- closed

    def _closed(self, begins_s: float, stage: Stage) -> None:
        ends_s = begins_s + stage.duration_s
        while (now_s := self._elapsed_s()) < ends_s and not self._over.is_set():
            total = round(level(stage, now_s - begins_s + STEP_S))
            self._wanted = share_of(total, index=self._index, count=self._count)
            missing = self._wanted - self._slots
            for _ in range(missing):
                self._slots += 1
                gevent.spawn(self._slot, self._choice.phase_s() if missing > 1 else 0.0)
            self._over.wait(min(STEP_S, max(0.0, ends_s - self._elapsed_s())))
        self._wanted = 0 if stage.end == 0 else self._wanted

    def _slot(self, phase_s: float) -> None:
        """Hold one session after the other, as long as the stage wants so many."""
        if phase_s:
            self._over.wait(phase_s)
        while self._slots <= self._wanted and not self._over.is_set():
            if self._play() in ("lost", "refused") and not self._over.is_set():
                self._over.wait(self._choice.chance.uniform(*PAUSE_AFTER_FAILURE_S))
            elif self._plan.one_each:
                self._over.wait(self._choice.think())
        self._slots -= 1

    # --- open

    def _open(self, begins_s: float, stage: Stage) -> None:
        self._wanted, tally = 0, self._shared.tally
        for at_s in arrivals(stage, chance=self._choice.chance, share=1.0 / self._count):
            ahead_s = begins_s + at_s - self._elapsed_s()
            if ahead_s > 0 and self._over.wait(ahead_s):
                return
            late_us = max(0, int((self._elapsed_s() - begins_s - at_s) * 1e6))
            tally.delay("schedule", late_us)
            tally.counts["requested"] += 1
            tally.counts["late"] += late_us > LATE_US
            if len(self._plays) >= self._room():
                tally.counts["dropped"] += 1
                tally.note(
                    "sessions that were due could not begin: no file descriptors were left for their connections"
                )
                continue
            gevent.spawn(self._play)
        self._over.wait(max(0.0, begins_s + stage.duration_s - self._elapsed_s()))

    def _room(self) -> int:
        return max(1, int(self._files_limit * FEWEST_SPARE_FILES) - self._files)

    # --- sessions

    def _play(self) -> str:
        name, spec, visit = self._choice.draw()
        playing = Playing(self._shared, name, spec, visit, patience_s=self._plan.refusal_wait_s)
        playing.greenlet = gevent.getcurrent()
        self._plays.add(playing)
        try:
            return playing.play()
        except LeavingError:
            return "unfinished"
        except Exception as error:  # our own fault: the run ends, and says so, rather than going on without this slot
            self._broken = self._broken or error
            self._over.set()
            return "unfinished"
        finally:
            self._plays.discard(playing)

    # --- the end

    def _end(self) -> None:
        """Let calls in flight end, send home who waits, stop what is open; all of it within the stop timeout."""
        self._over.set()
        self._wanted = 0
        self._shared.ending = True
        ends_s = self._elapsed_s() + self._plan.stop_timeout_s
        while self._plays and self._elapsed_s() < ends_s:
            for playing in list(self._plays):
                if playing.sleeping and playing.greenlet is not None:
                    playing.sleeping = False
                    playing.greenlet.kill(LeavingError, block=False)
            gevent.sleep(0.01)
        late = [playing.greenlet for playing in self._plays if playing.greenlet is not None]
        self._shared.left_open += len(late)
        gevent.killall(late, block=False)
        self._stop_abandoned(ends_s)

    def _stop_abandoned(self, ends_s: float) -> None:
        """Stop what users left; what gives no answer is tried again, a few times."""
        shared = self._shared
        for _ in range(STOP_ROUNDS):
            left, shared.abandoned = shared.abandoned, []
            if not left:
                return
            shared.abandoned = self._stopped(left, ends_s)
        shared.left_open += len(shared.abandoned)

    def _stopped(self, runs: list[tuple[str, str]], ends_s: float) -> list[tuple[str, str]]:
        """Stop runs, several at once, and return those that may still be open."""
        shared, waiting = self._shared, iter(runs)
        stopped: set[tuple[str, str]] = set()

        def stop_some() -> None:
            one = Playing(
                shared, "abandon", VISITS["abandon"], Visit(shared.client), patience_s=self._plan.refusal_wait_s
            )
            for run in waiting:
                if one.stop_forgotten(*run):
                    stopped.add(run)

        jobs = [gevent.spawn(stop_some) for _ in range(min(STOPPERS, len(runs)))]
        gevent.joinall(jobs, timeout=max(0.0, ends_s - self._elapsed_s()))
        gevent.killall(jobs, block=False)
        return [run for run in runs if run not in stopped]

    # --- seconds

    def _tick(self) -> None:
        while True:
            gevent.sleep(max(0.0, self._second + 1 - self._elapsed_s()))
            if self._elapsed_s() >= self._second + 1:
                self._cut()
                self._shared.set_clock()

    def _cut(self, *, whole: bool = True) -> None:
        """Emit what was counted since the last time, as of the stage that was on."""
        stage, now_s = self._stage, self._elapsed_s()
        took_s, self._cut_s = now_s - self._cut_s, now_s
        delta = Delta(
            second=self._second,
            stage=stage.name if stage else "end",
            phase=stage.phase if stage else "drain",
            whole=whole,
            seconds=took_s,
            wanted=self._wanted_now(),
            gauges=self._gauges(),
            cpu=self._cpu.share(),
        )
        self._emit(self._shared.tally.cut(delta))
        if whole:
            self._second = max(self._second + 1, int(now_s))

    def _wanted_now(self) -> float:
        stage = self._stage
        if stage is None:
            return 0.0
        begins_s = next(begins_s for begins_s, one in timed(self._plan) if one is stage)
        return level(stage, self._elapsed_s() - begins_s) / self._count

    def _gauges(self) -> dict[str, int]:
        wires: Any = self._shared.wires
        return {
            "open": len(self._plays),
            "connections opened": wires.opened,
            "connections reused": wires.reused,
            "open files": self._files + wires.opened - wires.closed,
            "open files limit": self._files_limit,
            "left open": self._shared.left_open,
        }
