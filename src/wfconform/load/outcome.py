"""From what a load run measured to what reports show: the load part, the verdicts, the reasons not to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wfconform.load.figures import Figures, merged, new_histogram, spectrum, summary
from wfconform.load.measured import Measured, Tick, Violation
from wfconform.load.plan import Plan
from wfconform.load.rolling import Miss
from wfconform.load.slo import parse_slo
from wfconform.load.validity import invalid_reasons
from wfconform.outcomes import Evidence, LoadOutcome, RequirementResult, Second, SloOutcome, TurnRecord, Verdict
from wfconform.requirements import Level, by_level, catalogue

LOD_CONCURRENT, LOD_LOST = "LOD-001", "LOD-002"
UNDER_LOAD = frozenset({"RUN", "TRN", "STS", "EVT", "CAN"})
"""The groups whose MUSTs hold for every simulated session (LOD-001)."""


def load_outcome(measured: Measured, plan: Plan, *, miss: Miss | None = None) -> LoadOutcome:
    """Return the load part of a run; `miss`: the SLO that ended it before its time."""
    figures = Figures.of(measured)
    reasons = invalid_reasons(measured, plan)
    rate = measured.steady_turns / measured.steady_s if measured.steady_s > 0 else None
    return LoadOutcome(
        profile=plan.profile,
        model=plan.stages[0].model,
        configuration=described(plan),
        duration_s=measured.duration_s,
        steady_s=measured.steady_s,
        turns=measured.turns,
        steady_turns=measured.steady_turns,
        stops=measured.stops,
        refused=measured.refused,
        failed=measured.failed,
        sessions=dict(measured.sessions),
        violations=by_level(measured.violations)[0],
        warnings=by_level(measured.violations)[1],
        exercised=dict(measured.exercised),
        latency_ms={name.replace(".", "_"): summary(found) for name, found in figures.latencies.items()},
        turns_per_s=None if rate is None else round(rate, 3),
        valid=not reasons,
        invalid_reasons=reasons,
        slo=_slos(figures, plan, miss),
        series=tuple(map(_second, measured.series)),
        by_turn={turn: summary(merged([text])) for turn, text in _by_index(measured.by_turn)},
        spectrum={name.replace(".", "_"): spectrum(figures.latencies[name]) for name in ("turn", "turn.corrected")},
        histograms=_encoded(figures),
        failures=dict(measured.failures),
        health=_health(measured),
        workers=tuple(dict(worker) for worker in measured.workers),
        left_open=measured.left_open,
    )


def load_results(measured: Measured, expected_failures: Mapping[str, str]) -> tuple[RequirementResult, ...]:
    """Return every session requirement that was exercised, then LOD-001 and LOD-002.

    An expected failure that does not show under load is left as it is: a load run tries less than a check.
    """
    seen = {**dict.fromkeys(measured.exercised, 0), **measured.violations}
    ids = [id for id in catalogue() if id in seen and id not in (LOD_CONCURRENT, LOD_LOST)]
    found = [_expected(_session_result(id, measured), expected_failures.get(id)) for id in ids]
    under_load = (_concurrent(found, measured), _lost(measured))
    return (*found, *(_expected(result, expected_failures.get(result.id)) for result in under_load))


def described(plan: Plan) -> dict[str, object]:
    """Return a plan as reports name it: the texts by their number, everything else whole."""
    told = {**asdict(plan), "texts": len(plan.texts), "mix": dict(plan.mix), "turns": list(plan.turns)}
    return {**told, "slos": list(plan.slos), "stages": [asdict(stage) for stage in plan.stages]}


# --- figures


def _slos(figures: Figures, plan: Plan, miss: Miss | None) -> tuple[SloOutcome, ...]:
    slos = [parse_slo(text) for text in plan.slos]
    return tuple(figures.judge(slo, missed_at_s=miss.at_s if miss and miss.slo == slo else None) for slo in slos)


def _second(tick: Tick) -> Second:
    p50, p95, p99, most = (None,) * 4 if tick.turn_us is None else (value / 1000 for value in tick.turn_us)
    same = {name: getattr(tick, name) for name in _SAME}
    lag_ms = tick.loop_lag_us / 1000
    return Second(**same, p50_ms=p50, p95_ms=p95, p99_ms=p99, max_ms=most, loop_lag_ms=lag_ms)


_SAME = (
    "second",
    "stage",
    "phase",
    "sessions_open",
    "sessions_started",
    "sessions_ended",
    "turns",
    "stops",
    "refused",
    "failed",
    "violations",
    "wanted",
    "late_starts",
    "cpu",
)


def _by_index(by_turn: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(
        by_turn.items(), key=lambda item: (not item[0].isdecimal(), int(item[0]) if item[0].isdecimal() else 0)
    )


def _encoded(figures: Figures) -> dict[str, str]:
    empty = new_histogram()
    filled = {name: found for name, found in figures.latencies.items() if not found.equals(empty)}
    return {name.replace(".", "_"): found.encode().decode("ascii") for name, found in filled.items()}


def _health(measured: Measured) -> dict[str, float]:
    health: dict[str, Any] = asdict(measured.health)
    for name in ("loop_lag_p99", "schedule_delay_p99"):
        health[f"{name}_ms"] = health.pop(f"{name}_us") / 1000
    return health


# --- verdicts


def _session_result(id: str, measured: Measured) -> RequirementResult:
    requirement, broken = catalogue()[id], measured.violations.get(id, 0)
    exercised = max(measured.exercised.get(id, 0), broken)
    if not broken:
        verdict = Verdict.PASS if exercised else Verdict.NOT_TESTED
        return RequirementResult(id, requirement.level, verdict, exercised=exercised)
    shown = [violation for violation in measured.first_violations if violation.id == id]
    first = f": expected {shown[0].expected}, got {shown[0].actual}" if shown else ""
    verdict = Verdict.FAIL if requirement.level is Level.MUST else Verdict.WARN
    said = f"violated {broken} {'time' if broken == 1 else 'times'} under load{first}"
    return RequirementResult(id, requirement.level, verdict, said, exercised, tuple(map(_evidence, shown)))


def _evidence(violation: Violation) -> Evidence:
    return Evidence(
        expected=violation.expected,
        actual=violation.actual,
        path=violation.path,
        scenario=violation.scenario,
        turns=tuple(_turn(row, violation.at_s) for row in violation.turns),
        at_turn=len(violation.turns) - 1 if violation.turns else None,
        reproducer=violation.reproducer,
        predicate=violation.predicate,
    )


def _turn(row: Mapping[str, object], at_s: float) -> TurnRecord:
    """Return a call as evidence; what the row does not tell is left at nothing."""
    status, sent_s, elapsed_ms = row.get("status"), row.get("sent_s", at_s), row.get("elapsed_ms", 0.0)
    answered = status if isinstance(status, int) and status else None
    return TurnRecord(
        request=str(row.get("request", "")),
        request_body=str(row.get("request_body", "")),
        status=answered,
        response_body=str(row.get("response_body", row.get("body", ""))),
        sent_s=sent_s if isinstance(sent_s, int | float) else at_s,
        elapsed_ms=elapsed_ms if isinstance(elapsed_ms, int | float) else 0.0,
        failure=str(row.get("failure", "")) if answered is None else "",
    )


def _concurrent(found: Sequence[RequirementResult], measured: Measured) -> RequirementResult:
    """LOD-001: no MUST that a session can show is violated at this concurrency."""
    about = [result for result in found if result.level is Level.MUST and result.id[:3] in UNDER_LOAD]
    broken = [result for result in about if result.verdict is Verdict.FAIL]
    exercised = sum(result.exercised for result in about)
    most = max((tick.sessions_open for tick in measured.series), default=0)
    if broken:
        counted = ", ".join(f"{result.id} ({measured.violations[result.id]})" for result in broken)
        said = f"violated with up to {most} sessions at once: {counted}"
        return RequirementResult(LOD_CONCURRENT, Level.MUST, Verdict.FAIL, said, exercised)
    if not measured.turns or not exercised:
        return RequirementResult(LOD_CONCURRENT, Level.MUST, Verdict.NOT_TESTED, "no turn was answered")
    return RequirementResult(LOD_CONCURRENT, Level.MUST, Verdict.PASS, f"up to {most} sessions at once", exercised)


def _lost(measured: Measured) -> RequirementResult:
    """LOD-002: each session that was started reaches its scenario's end; a refused start was never one."""
    lost, started = measured.sessions.get("lost", 0), measured.sessions.get("started", 0)
    if lost:
        causes = ", ".join(f"{cause} ({count})" for cause, count in measured.failures.items())
        said = f"{lost} of {started} sessions did not reach their end{f': {causes}' if causes else ''}"
        shown = tuple(_evidence(one) for one in measured.first_violations if one.id == LOD_LOST)
        return RequirementResult(LOD_LOST, Level.MUST, Verdict.FAIL, said, started, shown)
    ended = sum(measured.sessions.get(end, 0) for end in ("completed", "cancelled", "abandoned"))
    if not ended:
        return RequirementResult(LOD_LOST, Level.MUST, Verdict.NOT_TESTED, "no session came to its end in time")
    return RequirementResult(LOD_LOST, Level.MUST, Verdict.PASS, f"{ended} sessions reached their end", started)


def _expected(result: RequirementResult, reason: str | None) -> RequirementResult:
    if reason is None or result.verdict not in (Verdict.FAIL, Verdict.WARN):
        return result
    return replace(result, verdict=Verdict.EXPECTED_FAILURE, message=f"{reason} [{result.message}]")
