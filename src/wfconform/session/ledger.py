"""The ledger: takes in every exchange, keeps a short history of each run, tells what held and what broke."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wfconform.session import races
from wfconform.session.history import RunHistory
from wfconform.session.invariants import Outcome, Step, StepKind, next_turn, sts_009, trn_001
from wfconform.session.states import CANCELLED, EXPIRED_REFUSALS
from wfconform.session.tables import AFTER_END, BLAME_5XX, COUNTING, DEFAULT_BLAME, ROOTS, RULES, step_kind
from wfconform.session.values import (
    Answer,
    Ask,
    Broken,
    Ended,
    Finding,
    Indeterminate,
    Kind,
    Lenient,
    Observed,
    Refusal,
    Refused,
    Unreadable,
    Valid,
)


class Ledger:
    """All runs that were seen, by run_id in lower case.

    session_ttl_s: how long an idle session lives by declaration; one idle for longer may have expired. unseen_calls:
    how many calls on a run may be missing from what is observed; nothing is judged that they could explain.
    """

    def __init__(self, *, session_ttl_s: float | None = None, unseen_calls: int = 0) -> None:
        self._runs: dict[str, RunHistory] = {}
        self._forgotten: set[bytes] = set()
        self._unseen_calls = unseen_calls
        self._ttl_s = float("inf") if session_ttl_s is None else session_ttl_s

    def observe(self, *group: Observed) -> list[Finding]:
        """Take in one exchange, or several that were sent together, and return what they show.

        The findings name each requirement at most once; broken wins over held.
        """
        findings: list[Finding] = []
        for members in _by_run(group):
            run = self._runs.get(members[0].ask.run_id or "")
            if run is not None and not run.terminal and self._gone(run, members):
                run.shared = True
            elif len(members) > 1 and run is not None and not run.terminal and races.overlapping(members):
                findings += races.judge(run, members, self._shape_findings)
            else:
                for seen in sorted(members, key=lambda one: one.ask.sent_s):
                    findings += self._one(seen)
        return _worst(findings)

    def status_of(self, run_id: str) -> str | None:
        """Return the run's last certain status."""
        run = self._runs.get(run_id)
        return run.status if run else None

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop the histories of runs that nobody will ask about again; their ids are remembered (RUN-002)."""
        for id in run_ids:
            if self._runs.pop(id, None) is not None:
                self._forgotten.add(bytes.fromhex(id))

    def knows(self, run_id: str) -> bool:
        """Tell whether the run (in lower case) was seen."""
        return run_id in self._runs

    def history(self, run_id: str) -> RunHistory | None:
        """Return what is remembered of a run, for a driver that judges ordinary turns itself; None: not seen."""
        return self._runs.get(run_id)

    def add(self, run: RunHistory) -> None:
        """Take in a run whose first turn a driver has judged itself."""
        self._runs[run.run_id] = run

    def drop(self, run_id: str) -> None:
        """Drop a run that nobody will ask about again; whether its id comes back is then for others to notice."""
        self._runs.pop(run_id, None)

    def _one(self, seen: Observed) -> list[Finding]:
        ask, run = seen.ask, self._runs.get(seen.ask.run_id or "")
        match seen.reply:
            case Answer() as answer:
                return self._answered(ask, answer, run)
            case Refusal():
                return _refused(ask, seen.reply, run)
            case Indeterminate() | Unreadable() as reply:
                return _lost(ask, reply, run)
            case _:
                return []

    def _idle(self, run: RunHistory, ask: Ask) -> bool:
        """Tell whether the session was left alone for longer than it lives by declaration."""
        return ask.sent_s - run.last_received_s > self._ttl_s

    def _gone(self, run: RunHistory, members: Sequence[Observed]) -> bool:
        """Tell whether an idle session is told to have expired; one that answers failed is still judged, if alone."""
        replies = [seen.reply for seen in members]
        gone = any(isinstance(reply, Refusal) and reply.http_status in EXPIRED_REFUSALS for reply in replies)
        failed = len(replies) > 1 and any(isinstance(reply, Answer) and reply.status == "failed" for reply in replies)
        return (gone or failed) and self._idle(run, members[0].ask)

    # --- a 200

    def _answered(self, ask: Ask, answer: Answer, run: RunHistory | None) -> list[Finding]:
        if isinstance(ask.intent, Refused):
            return self._accepted_against_the_rules(ask, answer, run, ask.intent)
        if run is not None and not run.terminal and answer.status == "failed" and self._idle(run, ask):
            run.status = None  # it may have expired
        known = self._known(answer.run_id or "", ask)
        if ask.kind is Kind.FIRST and known is not None and not known.stranger:
            return self._reopened(ask, answer, known)
        return self._judged(ask, answer, run)

    def _known(self, id: str, ask: Ask) -> RunHistory | None:
        """Return the run of that id; of one that was forgotten, nothing but that it was issued."""
        if id not in self._runs and bytes.fromhex(id) in self._forgotten:
            return RunHistory(run_id=id, workflow_id=ask.workflow_id, credential=ask.credential, shared=True)
        return self._runs.get(id)

    def _judged(self, ask: Ask, answer: Answer, run: RunHistory | None) -> list[Finding]:
        kind = step_kind(ask.kind, run, answer)
        before = run or RunHistory(answer.run_id or "", ask.workflow_id, ask.credential, pending=self._unseen_calls)
        step = Step(kind, ask, answer, before)
        findings = [*_apply(step), *_expected(ask, answer), *_intended(step), *_pending(step), *_led_elsewhere(step)]
        if run is None:
            findings += self._register(step)
        elif answer.run_id not in (None, ask.run_id):
            self._adopt(answer, ask)
            run.loosen()
        elif kind in (StepKind.EXECUTED, StepKind.STOPPED):
            run.executed(ask, answer)
        elif kind is StepKind.ENDED_UNSEEN:
            run.ended(answer)
        elif kind in (StepKind.STOPPED_AGAIN, StepKind.SNAPSHOT):
            run.hi = max(run.hi, answer.turn_number or 0)
        elif kind is StepKind.STOPPED_AFTER_END:
            run.stopped_after_end = True
        return findings

    def _accepted_against_the_rules(
        self, ask: Ask, answer: Answer, run: RunHistory | None, intent: Refused
    ) -> list[Finding]:
        broken = Broken("a refusal (4xx)", f"200 with status {answer.status!r}, turn {answer.turn_number}", "")
        if run is not None and not run.terminal:
            run.loosen(answer)
            if ask.kind is Kind.STOP and answer.status == CANCELLED:
                run.status = CANCELLED
        self._adopt(answer, ask)
        return [
            *self._shape_findings(ask, answer, run),
            *(Finding(id, broken) for id in (*intent.ids, *intent.unharmed)),
        ]

    def _shape_findings(self, ask: Ask, answer: Answer, run: RunHistory | None) -> list[Finding]:
        """Judge what holds for every 200, whatever was asked."""
        before = run or RunHistory(run_id="", workflow_id=ask.workflow_id, credential=ask.credential)
        return _apply(Step(StepKind.STRAY, ask, answer, before))

    def _register(self, step: Step) -> list[Finding]:
        id, ask, answer = step.answer.run_id, step.ask, step.answer
        if id is None:
            return []
        if step.kind is StepKind.STOPPED_UNOPENED and id in self._runs:
            return _stopped_unasked(self._runs[id], answer)
        if step.kind in (StepKind.OPENED, StepKind.STOPPED_UNOPENED):
            self._runs[id] = step.run
            step.run.executed(ask, answer)
        else:
            self._adopt(answer, ask)
        return [Finding("RUN-002")] if step.kind is StepKind.OPENED else []

    def _reopened(self, ask: Ask, answer: Answer, known: RunHistory) -> list[Finding]:
        """A first turn got the run of another session (RUN-002), which its body may have named (RUN-010)."""
        named = ask.intent.same if isinstance(ask.intent, Lenient) else ()
        if named:
            known.loosen(answer)
        else:
            known.shared = True
        broken = Broken("a run_id that no other session has", f"{answer.run_id!r} again", "$.run_id")
        opened = Step(StepKind.OPENED, ask, answer, RunHistory("", ask.workflow_id, ask.credential))
        findings = [*self._shape_findings(ask, answer, None), *_findings({"RUN-002", *named}, broken)]
        return [*findings, *_findings(("TRN-001",), trn_001(opened))]

    def _adopt(self, answer: Answer, ask: Ask) -> None:
        """Remember a run that turned up in an answer: nothing about it is certain, but it must be stopped."""
        if answer.run_id is None or answer.run_id in self._runs:
            return
        self._runs[answer.run_id] = RunHistory(
            run_id=answer.run_id,
            workflow_id=ask.workflow_id,
            credential=ask.credential,
            lo=answer.turn_number or 0,
            hi=answer.turn_number or 0,
            status=answer.status,
            shared=True,
            stranger=True,
        )


def _by_run(group: Iterable[Observed]) -> Iterator[list[Observed]]:
    """Split a group by the run that its members name; members that name none stand alone."""
    named: dict[str, list[Observed]] = {}
    for seen in group:
        if seen.ask.run_id is None or seen.ask.kind is Kind.OTHER:
            yield [seen]
        else:
            named.setdefault(seen.ask.run_id, []).append(seen)
    yield from named.values()


def _worst(findings: Iterable[Finding]) -> list[Finding]:
    by_id: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in by_id or (finding.broken and not by_id[finding.id].broken):
            by_id[finding.id] = finding
    return list(by_id.values())


def _rooted(outcome: Outcome) -> Outcome:
    return replace(outcome, roots=COUNTING) if isinstance(outcome, Broken) else outcome


def _finding(id: str, outcome: Outcome) -> Finding:
    return Finding(id, outcome if isinstance(outcome, Broken) else None)


def _findings(ids: Iterable[str], outcome: Outcome) -> list[Finding]:
    return [] if outcome is None else [_finding(id, outcome) for id in ids]


def _apply(step: Step) -> list[Finding]:
    kind = step.kind if step.run.judged else StepKind.STRAY
    outcomes = ((id, rule(step)) for id, rule in RULES[kind])
    return [_finding(id, outcome) for id, outcome in outcomes if outcome is not None]


def _expected(ask: Ask, answer: Answer) -> list[Finding]:
    return [finding for expectation in ask.expects for finding in _findings(expectation.ids, expectation.judge(answer))]


def _intended(step: Step) -> list[Finding]:
    """Judge the answer by what the request was meant to show."""
    match step.ask.intent:
        case Valid(ids, exact):
            goes_on = _goes_on(step)
            numbered = step.kind is StepKind.EXECUTED and not isinstance(goes_on, Broken)
            following = _rooted(next_turn(step)) if numbered else goes_on
            return [*_findings(ids, goes_on), *_findings(exact, following)]
        case Lenient(ids, same):
            return [*_findings(ids, outcome=True), *_findings(same, _goes_on(step))]
        case Ended(ids) if step.kind is StepKind.SNAPSHOT:
            return _findings({*ids, *_after_end(step.ask.kind, step.run)}, sts_009(step))
        case _:
            return []


def _goes_on(step: Step) -> Outcome:
    """Tell whether the answer belongs to the session that asked: the same run, and not from its start again."""
    answer, run = step.answer, step.run
    if step.kind is StepKind.OPENED:
        return True if answer.run_id is not None else None
    if not run.judged or answer.run_id is None:
        return None
    if answer.run_id != step.ask.run_id:
        expected = f"the session {step.ask.run_id!r} goes on"
        return Broken(expected, f"an answer of {answer.run_id!r}", "$.run_id", ("RUN-003",))
    if step.kind is StepKind.ENDED_UNSEEN:
        return None
    if answer.turn_number == 1 and run.lo >= 1 and step.kind is StepKind.EXECUTED:
        return Broken("the session goes on", "it starts again with turn 1", "$.turn_number", ("TRN-002",))
    if step.kind is StepKind.STOPPED and answer.status not in (None, CANCELLED):
        return Broken("the session is cancelled", f"status {answer.status!r}", "$.status", ("CAN-001",))
    return True


def _pending(step: Step) -> list[Finding]:
    """Judge what earlier requests on the run promised about the next one: unharmed, contiguous, unchanged."""
    run = step.run
    if step.kind is StepKind.SNAPSHOT:
        return _after_a_late_stop(step)
    if step.kind is not StepKind.EXECUTED:
        return []
    outcome = _rooted(next_turn(step))
    findings = _findings(_promised(run) | {"TRN-003"} if run.refusals else (), outcome)
    if run.raced:
        findings += _findings(("TRN-005",), outcome)
    return findings


def _after_a_late_stop(step: Step) -> list[Finding]:
    """CAN-005: a stop on an ended run changes nothing, unless the run had left its end before."""
    run, status = step.run, step.answer.status
    if status is None or not run.judged:
        return []
    other = status != run.status
    if run.stopped_after_end and not run.left_its_end:
        shown = Broken(f"status {run.status}, as before the stop", repr(status), "$.status")
        return [Finding("CAN-005", shown if other else None)]
    run.left_its_end |= other
    return []


def _led_elsewhere(step: Step) -> list[Finding]:
    """STS-009: a turn on an ended run that answers another run's state is no refusal, and not the end once more."""
    run, answer = step.run, step.answer
    if step.kind is not StepKind.ANOTHER_RUN or step.ask.kind is not Kind.TURN or not (run.terminal and run.judged):
        return []
    expected = f"a refusal, or the run {run.run_id!r} with status {run.status} once more"
    shown = Broken(expected, f"the run {answer.run_id!r} with status {answer.status}", "$.run_id")
    return _findings(_after_end(step.ask.kind, run), shown)


def _stopped_unasked(run: RunHistory, answer: Answer) -> list[Finding]:
    """CAN-007: a stop that named no run told the end of another session, which its owner had not stopped."""
    if run.terminal or run.stranger or answer.status != CANCELLED:
        return []
    shown = f"the run {run.run_id!r} of another session, cancelled"
    return [Finding("CAN-007", Broken("a refusal, or a cancelled run of its own", shown, "$.run_id"))]


def _promised(run: RunHistory) -> set[str]:
    if not run.refusals:
        return set()
    return {"EXE-010", *(id for intent in run.refusals for id in intent.unharmed)}


# --- a 4xx


def _refused(ask: Ask, reply: Refusal, run: RunHistory | None) -> list[Finding]:
    if run is not None and run.terminal:
        run.stopped_after_end |= ask.kind is Kind.STOP and run.status != CANCELLED
        intended = () if isinstance(ask.intent, Valid) else ask.intent.ids
        return _findings({*_after_end(ask.kind, run), *intended}, outcome=True)
    match ask.intent:
        case Refused(ids, codes=codes):
            _remember_refusal(ask.intent, run)
            fits = not codes or reply.http_status in codes
            expected = " or ".join(map(str, codes))
            return _findings(ids, True if fits else Broken(expected, f"refused with {reply.http_status}"))
        case Lenient(ids, same):
            _remember_refusal(Refused(), run)
            return _findings((*ids, *same), outcome=True)
        case Ended(ids):
            return _findings(ids, outcome=True)
        case Valid() as intent if run is None or (run.judged and run.status is not None):
            promised = _promised(run) if run else set()
            blamed = promised or intent.all_ids or DEFAULT_BLAME[ask.kind]
            roots = ROOTS[ask.kind]
            refused = f"refused with {reply.http_status}"
            return _findings(blamed, Broken("200: the request is valid", refused, roots=roots))
        case _:
            return []


def _remember_refusal(intent: Refused, run: RunHistory | None) -> None:
    if run is not None:
        run.refusals.append(intent)


# --- neither


def _lost(ask: Ask, reply: Indeterminate | Unreadable, run: RunHistory | None) -> list[Finding]:
    """Judge a 5xx, a torn or unreadable response: only what is certain; the run may or may not have moved (§10)."""
    ended = _after_end(ask.kind, run) if run is not None and run.terminal else ()
    if run is not None and not run.terminal:
        run.loosen()
    if reply.http_status is None:
        return []
    blamed = {*ask.intent.ids, *ended}
    if isinstance(ask.intent, Valid):
        default = BLAME_5XX if isinstance(reply, Indeterminate) else DEFAULT_BLAME
        intended = (*ask.intent.ids, *ask.intent.blames) if isinstance(reply, Indeterminate) else ask.intent.all_ids
        blamed = {*blamed, *intended} or set(default[ask.kind])
    refusing = ended or isinstance(ask.intent, Refused | Ended)
    actual = f"{reply.http_status} {reply.reason}".strip()
    roots = () if refusing else ROOTS[ask.kind]
    return _findings(blamed, Broken("a refusal (4xx)" if refusing else "a complete answer", actual, roots=roots))


def _after_end(kind: Kind, run: RunHistory) -> tuple[str, ...]:
    return AFTER_END.get((kind, run.status == CANCELLED), ())
