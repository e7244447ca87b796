"""Hand-written sessions for the examples: plain correct answers, and a client that sends and reads findings."""

from dataclasses import replace
from itertools import count
from typing import Any

from tests.session.shapes import EPOCH_S, TERMINAL, WAITING, Json

from wfconform.session import Ask, Broken, Finding, Intent, Kind, Ledger, Observed, Reply, Valid
from wfconform.wire import answer_of

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
RUN = f"{int(EPOCH_S) + 100:08x}0123456789abcdef"
OTHER_RUN = f"{int(EPOCH_S) + 100:08x}fedcba9876543210"

CLOSERS = {
    WAITING: "busy_wait_for_user_message",
    "paused": "pause_event",
    "completed": "end_workflow",
    "failed": "workflow_error",
    "aborted_looping_risk": "workflow_warning",
}
_numbers = count(1)


def event(type: str, **fields: Any) -> Json:
    """Return an event with an id of its own."""
    return {"type": type, "logical_id": f"event_{next(_numbers)}", "thread_reference_id": "0", **fields}


def body(turn: int = 1, status: str = WAITING, /, **changes: Any) -> Json:
    """Return a plain correct answer, with fields changed; ABSENT leaves one out."""
    closer = event(CLOSERS[status]) if status in CLOSERS else None
    made: Json = {
        "run_id": RUN,
        "status": status,
        "turn_number": turn,
        "events": [closer] if closer else [],
        "is_waiting_for_input": status == WAITING,
        "is_completed": status in TERMINAL,
        "error": "no route" if status == "failed" else None,
        "next_input_hint": closer if status == WAITING else None,
        **changes,
    }
    return {key: value for key, value in made.items() if value is not ABSENT}


ABSENT: Any = object()

Shown = dict[str, Broken | None]


class Talk:
    """A client with a ledger and a clock of its own; each method returns what an exchange shows, by ID."""

    def __init__(self, *, session_ttl_s: float | None = None, opened: bool = True) -> None:
        self.ledger = Ledger(session_ttl_s=session_ttl_s)
        self.now_s = 100.0
        if opened:
            self.first()

    def ask(self, kind: Kind, intent: Intent | None = None, *, after_s: float = 0.0, took_s: float = 1.0) -> Ask:
        """Return a request that is sent now, or a little later."""
        sent_s = self.now_s + after_s
        return Ask(
            kind,
            WORKFLOW,
            None if kind is Kind.FIRST else RUN,
            intent or Valid(),
            sent_s=sent_s,
            received_s=sent_s + took_s,
            sent_at=EPOCH_S + sent_s,
            received_at=EPOCH_S + sent_s + took_s,
        )

    def show(self, *group: tuple[Ask, Json | Reply], date: str | None = None) -> Shown:
        """Take in what was sent together."""
        findings: list[Finding] = []
        observed = []
        for ask, reply in group:
            if isinstance(reply, dict):
                reply, shape = answer_of(reply, date=date)
                findings += shape
            observed.append(Observed(ask, reply))
        self.now_s = max(ask.received_s for ask, _ in group) + 1.0
        findings += self.ledger.observe(*observed)
        by_id: Shown = {}
        for finding in findings:
            by_id[finding.id] = by_id.get(finding.id) or finding.broken
        return by_id

    def first(
        self, reply: Json | Reply | None = None, intent: Intent | None = None, *, date: str | None = None
    ) -> Shown:
        """Send a first turn."""
        return self.show((self.ask(Kind.FIRST, intent), reply or body()), date=date)

    def turn(self, reply: Json | Reply, intent: Intent | None = None, *, run_id: str = RUN) -> Shown:
        """Send a later turn."""
        return self.show((replace(self.ask(Kind.TURN, intent), run_id=run_id), reply))

    def stop(self, reply: Json | Reply, intent: Intent | None = None) -> Shown:
        """Send a stop."""
        return self.show((self.ask(Kind.STOP, intent), reply))


def broken(shown: Shown) -> set[str]:
    """Return the IDs that broke."""
    return {id for id, how in shown.items() if how is not None}
