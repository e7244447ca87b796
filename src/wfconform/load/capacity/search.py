"""The search: a generator that yields the steps it wants run and is sent what came of them.

Rise: levels double until an objective breaks, or, where no objective has a scale, throughput stops growing. Edge: the
gap is halved until a line can be laid through the steps near the edge, then steps go to both sides of it in turn until
the interval is tight. Saturation: past the edge, until throughput has stopped growing, so that the models bear a
statement on it. Last, one of the first levels is repeated: what it says now must be what it said then.

All decisions follow from the results that were sent, so results that were recorded replay to the same point.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from statistics import fmean

from wfconform.load.capacity import edge
from wfconform.load.capacity.values import Estimate, Found, Purpose, Settings, StepResult, StepWanted

Search = Generator[StepWanted, StepResult, Found]
_Steps = Generator[StepWanted, StepResult, None]
_Step = Generator[StepWanted, StepResult, StepResult]

TIGHT, SPENT, NEVER_BROKE, ALL_BROKE, UNFIT, SATURATED = (
    "tight",
    "budget",
    "never broke",
    "all broke",
    "unfit",
    "saturated",
)
"""Why a search ended."""

_RISE_S = (4.0, 10.0)
_FIRST_S = (12.0, 15.0)
"""Until a level has held, steps are long enough to see what comes every ten seconds."""
_EDGE_S = (8.0, 30.0)
_RISE_SAMPLES = 20
_PRECISION = 0.05
_RESERVED = 0.12
"""The share of the budget kept for saturation and the repeat."""
_CYCLES: dict[Purpose, float] = {"rise": 2, "edge": 3, "repeat": 3, "saturation": 3}
_WARM_UP_S = (2.0, 60.0)
_LIVES: dict[Purpose, float] = {"rise": 2, "edge": 4, "repeat": 4, "saturation": 4}
"""In the open model a step warms up for so many lives of a session: before that fewer turns end than are due."""
_LONGEST_LIVES_S = 600.0
_GROWTH = 0.1
_FALLEN = 0.7
_SATURATED = 0.6
_CLOSE = 1.25
_NARROW = 1.5
"""Ends of a gap so near each other that a line through the steps about it may say where the edge is."""
_SIDES = (0.04, 0.08)
_NEAREST = 0.2
_DOUBTFUL = 0.15
_CLIFF = (0.1, 0.7)
"""So close in log(level), and so far apart in log(actual / limit), the ends of a gap are the edges of a cliff."""
_EDGE_POINTS = 6
_MOST_EDGE_STEPS = 40
_MOST_DESCENTS = 8
_MOST_SATURATION_STEPS = 4
_FITTED_LEVELS = 7
_UNSTEADY_ALLOWED = 3
_ATTEMPTS = 3
"""How often a level is run that bears no judgement: what disturbs the generator on a shared machine passes."""


class _BudgetSpent(Exception):
    """The next step would cost more load time than is left."""


class _State:
    """What the search has seen so far."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.steps: list[StepResult] = []
        self.warm_up_s = 0.0

    @property
    def spent_s(self) -> float:
        """Time spent so far."""
        return sum(step.spent_s for step in self.steps)

    @property
    def left_s(self) -> float:
        """Time left."""
        return self.settings.budget_s - self.spent_s

    @property
    def overhead_s(self) -> float:
        """What a step costs beside its load: a process that starts, sessions that are stopped."""
        return max(fmean([s.spent_s - s.warm_up_s - s.steady_s for s in self.steps]), 0.0) if self.steps else 0.0

    def affords(self, wanted: StepWanted, *, reserved: float = 0.0) -> bool:
        """Tell whether a step fits into what is left, less a share of the budget that is reserved."""
        needs_s = wanted.warm_up_s + wanted.least_s + self.overhead_s
        return needs_s <= self.left_s - reserved * self.settings.budget_s

    def level(self, wanted: float) -> float:
        """Return the level that can be run nearest to one: whole sessions, three digits of a rate."""
        least = 0.01 if self.settings.arrivals else 1.0
        bounded = min(max(wanted, least), self.settings.max_level)
        return float(f"{bounded:.3g}") if self.settings.arrivals else float(round(bounded))

    def found(self, ended: str) -> Found:
        """Return what is known."""
        return replace(known(self.steps, self.settings), ended=ended)


def search(settings: Settings) -> Search:
    """Search for the edge; yields steps to run, is sent their results, returns what was found."""
    state = _State(settings)
    try:
        ended = yield from _phases(state)
    except _BudgetSpent:
        ended = SPENT
    return state.found(ended)


def needed_s(settings: Settings) -> float:
    """Return how much load time (seconds) the first step takes at least: with less, nothing is run."""
    state = _State(settings)
    wanted = _wanted(state, state.level(settings.first_level), "rise")
    return wanted.warm_up_s + wanted.least_s


def known(steps: Sequence[StepResult], settings: Settings) -> Found:
    """Return what steps say before the search has ended: for progress, and for a search that was interrupted."""
    found = edge.estimate(steps)
    found = edge.in_open_model(found) if settings.arrivals else found
    return Found(tuple(steps), found, sum(step.spent_s for step in steps))


def saturated(steps: Sequence[StepResult]) -> bool:
    """Tell whether throughput has stopped growing: some level does under 0.6 of what it would if all scaled."""
    fit = sorted((step for step in steps if step.fit and not step.refusing), key=lambda step: step.level)
    if len(fit) < 2:
        return False
    each = fit[0].turns_per_s / fit[0].level
    return any(step.turns_per_s < _SATURATED * each * step.level for step in fit)


def _phases(state: _State) -> Generator[StepWanted, StepResult, str]:
    ended = yield from _rise(state)
    if ended:
        return ended
    if state.settings.scaled or state.steps[-1].broken:
        ended = yield from _edge(state)
    else:
        ended = SATURATED
    if ended in (TIGHT, SPENT, SATURATED) and not _hard(state.steps):
        yield from _saturation(state)
        yield from _again(state)
    return ended


def _rise(state: _State) -> Generator[StepWanted, StepResult, str]:
    """Double the level until it breaks; returns why the search is over already, or nothing."""
    level = state.level(state.settings.first_level)
    while True:
        result = yield from _judged(state, level, "rise")
        if not result.fit:
            return UNFIT
        if result.broken and _doubtful(result):
            result = yield from _judged(state, level, "edge")
        if result.broken:
            return "" if any(not step.broken for step in state.steps) else (yield from _descend(state))
        if not state.settings.scaled and _stopped_growing(state.steps):
            return ""
        if level >= state.settings.max_level:
            return NEVER_BROKE
        level = state.level(level * 2)


def _descend(state: _State) -> Generator[StepWanted, StepResult, str]:
    """Go down from a first level that broke until one holds."""
    for _ in range(_MOST_DESCENTS):
        lower = state.level(state.steps[-1].level / 3)
        again = lower == state.steps[-1].level
        result = yield from _judged(state, lower, "rise")
        if not result.fit:
            return UNFIT
        if not result.broken:
            return ""
        if again:
            return ALL_BROKE
    return ALL_BROKE


def _edge(state: _State) -> Generator[StepWanted, StepResult, str]:
    unsteady = 0
    for _ in range(_MOST_EDGE_STEPS):
        found = edge.estimate(state.steps)
        if found is not None and _tight(found, state.settings):
            return TIGHT
        wanted = _wanted(state, _next_level(state, found), "edge")
        if not state.affords(wanted, reserved=_RESERVED):
            return SPENT
        result = yield from _judged(state, wanted.level, "edge")
        if not result.fit:
            return UNFIT
        unsteady += not result.steady
        if unsteady > _UNSTEADY_ALLOWED:
            unsteady, state.warm_up_s = 0, min(2 * wanted.warm_up_s, _WARM_UP_S[1])
    return SPENT


def _tight(found: Estimate, settings: Settings) -> bool:
    if found.how == edge.BRACKET:
        gap = found.high - found.low
        narrow = (gap <= 1 and not settings.arrivals) or gap <= settings.tolerance * found.high
        return narrow and found.points >= edge.SEEN
    return found.half_width <= settings.tolerance and found.points >= _EDGE_POINTS


def _next_level(state: _State, found: Estimate | None) -> float:
    """Return where the next step tells most: beside the edge, sides in turn, once a line shows it; else in the gap."""
    guess = None if _is_cliff(state.steps) else edge.guess(state.steps)
    low, high = edge.gap(state.steps)
    known_well = found is not None and found.how == edge.REGRESSION
    likely = high <= _NARROW * low and low * (1 - _SIDES[0]) <= guess <= high * (1 + _SIDES[0]) if guess else False
    if guess is None or not (known_well or likely):
        return _inside(state)
    side = min(max(found.half_width, _SIDES[0]), _SIDES[1]) if found and known_well else _SIDES[1]
    near = [step for step in edge.within(state.steps, math.log(guess), 0.16) if step.measures_latency]
    below = sum(step.level < guess for step in near)
    lower = below <= len(near) - below
    level = guess * (1 - side) if lower else guess * (1 + side)
    return state.level(level if state.settings.arrivals else math.floor(level) if lower else math.ceil(level))


def _inside(state: _State) -> float:
    """Divide the gap between what held and what broke; when it is tight, see again the end that was seen less."""
    met, broken = edge.levels(state.steps)
    low, high = edge.gap(state.steps)
    if math.isinf(high):  # what broke turned out to hold: go on up
        return state.level(_CLOSE * max(met))
    middle = state.level(_divided(state.steps, low, high))
    if high - low > state.settings.tolerance * high and middle not in (low, high):
        return middle
    return low if met.count(low) < broken.count(high) and low > 0 else high


def _divided(steps: Sequence[StepResult], low: float, high: float) -> float:
    """Return where between two levels the edge is likely: by their latencies if both have one, not too near an end.

    Latency bends upwards, so the line between the ends crosses the limit too low, and again and again: half the gap
    after two steps that moved the same end.
    """
    lately = [step.broken for step in steps if step.purpose == "edge" and step.fit][-2:]
    if low <= 0 or high <= _CLOSE * low or lately in ([False, False], [True, True]):
        return (low + high) / 2
    ends = [[s.excess for s in steps if s.level == end and s.measures_latency and s.excess] for end in (low, high)]
    share = 0.5
    if ends[0] and ends[1] and fmean(ends[0]) < 0 < fmean(ends[1]):
        share = min(max(-fmean(ends[0]) / (fmean(ends[1]) - fmean(ends[0])), _NEAREST), 1 - _NEAREST)
    return low * math.exp(share * math.log(high / low))


def _is_cliff(steps: Sequence[StepResult]) -> bool:
    """Tell whether latency jumps past its limit, so that no line leads from one end of the gap to the other."""
    low, high = edge.gap(steps)
    if _hard(steps) or low <= 0 or math.log(high / low) > _CLIFF[0]:
        return _hard(steps)
    ends = [[s.excess for s in steps if s.level == end and s.excess is not None] for end in (low, high)]
    return bool(ends[0] and ends[1]) and min(ends[1]) - max(ends[0]) > _CLIFF[1]


def _doubtful(result: StepResult) -> bool:
    """Tell whether a level may have broken by chance: latency alone, barely over its limit, few turns."""
    hard = result.violations or result.refusing or result.piling_up or result.excess is None
    return not hard and (result.excess or 0.0) < _DOUBTFUL + 2 * result.excess_error


def _saturation(state: _State) -> _Steps:
    """Go on past the edge until throughput has stopped growing, then fill in around the best level."""
    for _ in range(_MOST_SATURATION_STEPS):
        top = max(step.level for step in state.steps)
        if saturated(state.steps) or top >= state.settings.max_level or state.settings.arrivals:
            break
        yield from _run(state, state.level(1.6 * top), "saturation")
    for ratio in (1.0, 0.7, 1.4, 2.0):
        fit = [step for step in state.steps if step.fit]
        if len({step.level for step in fit}) >= _FITTED_LEVELS or state.settings.arrivals:
            return
        best = max(fit, key=lambda step: step.turns_per_s)
        yield from _run(state, state.level(ratio * best.level), "saturation")


def _again(state: _State) -> _Steps:
    """Repeat the largest level of the rise that held."""
    held = [step for step in state.steps if step.purpose == "rise" and step.fit and not step.broken]
    if held:
        yield from _run(state, max(held, key=lambda step: step.level).level, "repeat")


def _judged(state: _State, level: float, purpose: Purpose) -> _Step:
    """Run a level, and again while it bears no judgement and the budget allows for it."""
    result = yield from _run(state, level, purpose)
    for _ in range(_ATTEMPTS - 1):
        if result.fit:
            break
        try:
            result = yield from _run(state, level, purpose)
        except _BudgetSpent:
            break
    return result


def _run(state: _State, level: float, purpose: Purpose) -> _Step:
    wanted = _wanted(state, level, purpose)
    if not state.affords(wanted):
        raise _BudgetSpent
    result = yield wanted
    state.steps.append(result)
    return result


def _wanted(state: _State, level: float, purpose: Purpose) -> StepWanted:
    """Say how long: some cycles of think and answer to warm up, and until enough turns are there."""
    last = min(state.steps, key=lambda step: abs(step.level - level), default=None)
    cycle_s = state.settings.think_s + (last.raw_ms[0] / 1000 if last else 0.0)
    warm_up_s = _warm_up_s(state, level, cycle_s, purpose)
    state.warm_up_s = max(state.warm_up_s, _WARM_UP_S[0])
    first = all(step.broken for step in state.steps)
    least_s, most_s = _RISE_S if purpose == "rise" else _edge_s(state)
    if first:
        least_s, most_s = max(least_s, _FIRST_S[0]), max(most_s, _FIRST_S[1])
    samples = min(_RISE_SAMPLES, state.settings.samples) if purpose == "rise" else state.settings.samples
    rate = last.turns_per_s * min(level / last.level, 1.0) if last and last.turns_per_s else level / max(cycle_s, 0.1)
    needed_s = 1.5 * samples / rate if rate > 0 else most_s
    ceiling_s = max(state.left_s - warm_up_s - state.overhead_s, least_s)
    return StepWanted(
        level=level,
        purpose=purpose,
        warm_up_s=float(math.ceil(warm_up_s)),
        least_s=float(math.ceil(least_s)),
        most_s=float(math.ceil(min(max(most_s, needed_s), ceiling_s))),
        samples=samples,
        precision=math.inf if purpose == "rise" else _PRECISION,
    )


def _warm_up_s(state: _State, level: float, cycle_s: float, purpose: Purpose) -> float:
    """Return three cycles (a rise: two), in the open model some lives of a session at the nearest that keeps up."""
    warm_up_s = min(max(_CYCLES[purpose] * cycle_s, state.warm_up_s, _WARM_UP_S[0]), _WARM_UP_S[1])
    if not state.settings.arrivals:
        return warm_up_s
    kept_up = [step for step in state.steps if not step.piling_up]
    nearest = min(kept_up, key=lambda step: abs(step.level - level), default=None)
    turn_s = state.settings.think_s + (nearest.raw_ms[0] / 1000 if nearest else 0.0)
    return max(warm_up_s, min(_LIVES[purpose] * state.settings.turns_per_session * turn_s, _LONGEST_LIVES_S))


def _edge_s(state: _State) -> tuple[float, float]:
    slower = 2 if state.settings.arrivals else 1  # a queue that grows without end grows slowly near the edge
    least_s = min(max(slower * state.left_s / 12, slower * _EDGE_S[0]), _EDGE_S[1])
    return least_s, 2 * least_s


def _stopped_growing(steps: Sequence[StepResult]) -> bool:
    """Tell whether the last doubling brought under a tenth more, or throughput is on its way down."""
    if len(steps) < 2:
        return False
    before, now = steps[-2], steps[-1]
    grew = now.turns_per_s / before.turns_per_s - 1 if before.turns_per_s else math.inf
    fallen = now.turns_per_s < _FALLEN * max(step.turns_per_s for step in steps)
    return fallen or grew < _GROWTH * (now.level / before.level - 1)


def _hard(steps: Sequence[StepResult]) -> bool:
    """Tell whether the edge is no matter of latency: more load would only break more."""
    return any(step.violations or step.refusing for step in steps)
