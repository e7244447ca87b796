"""A model of a correct server, written from the contract alone, and the histories that it can produce."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st
from tests.session.shapes import EPOCH_S, TERMINAL, WAITING, Json, Run, Shapes, Style

from wfconform.session import (
    Ask,
    Busy,
    Ended,
    Finding,
    Indeterminate,
    Intent,
    Kind,
    Ledger,
    Lenient,
    NotProcessed,
    NotSent,
    Observed,
    Refusal,
    Refused,
    Reply,
    Valid,
)
from wfconform.wire import answer_of

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
AFTER_END_CODES = (409, 410, 404, 400, 422)
BUSY_CODES = (409, 423, 429)
TTL_S = 600.0
# What a 5xx shows by itself; everything else about the run is uncertain after it.
FAULT_IDS = {"EXE-001", "CAN-001", "CAN-006"}


@dataclass(frozen=True, slots=True)
class Said:
    """One exchange: an ask with a 200 body or another reply.

    what: the model's own word for it; last: the turn that the client was told last on the run; status: the status
    it was told last; clouds: why what comes next on the run may be uncertain to the client.
    """

    ask: Ask
    what: str
    body: Json | None = None
    reply: Reply | None = None
    date: str | None = None
    last: int = 0
    status: str | None = None
    clouds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class History:
    """Groups of exchanges that were sent together, in order."""

    ttl_s: float | None
    groups: tuple[tuple[Said, ...], ...]


def judged(history: History) -> list[list[Finding]]:
    """Return what a fresh ledger finds in each group."""
    ledger, found = Ledger(session_ttl_s=history.ttl_s), []
    for group in history.groups:
        findings: list[Finding] = []
        observed = []
        for said in group:
            reply = said.reply
            if said.body is not None:
                reply, shape = answer_of(said.body, date=said.date)
                findings += shape
            observed.append(Observed(said.ask, reply or NotSent()))
        found.append(findings + ledger.observe(*observed))
    return found


@dataclass(slots=True)
class Told:
    """What the client was told of a run."""

    turn: int = 0
    status: str | None = None
    clouds: set[str] = field(default_factory=set)


class Model:
    """A correct server and its clients: `plan` picks operations by chance."""

    def __init__(self, chance: Random, ttl_s: float | None = None) -> None:
        self.chance, self.ttl_s = chance, ttl_s
        self.style = Style.drawn(chance)
        self.shapes = Shapes(self.style, chance)
        self.now_s = 1000.0
        self.runs: list[Run] = []
        self.told: dict[str, Told] = {}
        self.groups: list[tuple[Said, ...]] = []

    # --- time and talk

    def ask(self, kind: Kind, run: Run | None, intent: Intent, *, after_s: float = 0.0, took_s: float = 0.0) -> Ask:
        """Return an ask that is sent now (or later, beside others) and answered after some time."""
        sent_s = self.now_s + after_s
        received_s = sent_s + (took_s or self.chance.choice((0.05, 0.4, 3.0)))
        return Ask(
            kind,
            WORKFLOW,
            run.id if run else None,
            intent,
            sent_s=sent_s,
            received_s=received_s,
            sent_at=EPOCH_S + sent_s,
            received_at=EPOCH_S + received_s,
        )

    def say(self, ask: Ask, what: str, *, body: Json | None = None, reply: Reply | None = None) -> Said:
        """Return the exchange, with what the client knew before it."""
        told = self.told.get(ask.run_id or "", Told())
        clouds = frozenset(told.clouds)
        date = self.shapes.date(ask.received_s)
        return Said(ask, what, body, reply, date, told.turn, told.status, clouds)

    def commit(self, *group: Said) -> None:
        """Add a group to the history; the client learns from it."""
        self.groups.append(group)
        self.now_s = max(said.ask.received_s for said in group) + self.chance.choice((0.02, 1.5))
        for said in group:
            if said.body is None:
                continue
            told = self.told.setdefault(said.body["run_id"], Told())
            told.turn = max(told.turn, said.body["turn_number"])
            told.status = said.body["status"] if told.status not in TERMINAL else told.status
            if said.what not in ("snapshot", "stopped_again", "stopped_after_end"):
                told.clouds.discard("background")
            if said.body.get("has_background_work"):
                told.clouds.add("background")

    # --- what the server does

    def settle(self, run: Run) -> None:
        """Let happen what may happen by itself before the next request: late requests, background work."""
        for late in list(run.late):
            if self.chance.random() < 0.5:
                run.late.remove(late)
                self.hidden(run, late)
        if run.background and not run.ended and self.chance.random() < 0.5:
            run.number += self.chance.randrange(3)
            run.status = self.chance.choice((WAITING, "completed", "failed", "paused"))
            run.parked = None

    def hidden(self, run: Run, what: str) -> None:
        """Carry out a request whose answer nobody sees."""
        if run.ended:
            return
        run.touched_s = self.now_s
        if what == "stop":
            run.status, run.number = "cancelled", run.number + self.style.stop_takes_a_turn
        else:
            run.number += 1
            run.status = self.next_status()
            self.shapes.turn(run, run.status, self.now_s, self.now_s + 1)

    def next_status(self) -> str:
        """Return how a turn ends."""
        others = ("paused", "completed", "failed", "aborted_looping_risk")
        return WAITING if self.chance.random() < 0.8 else self.chance.choice(others)

    def execute(self, run: Run, ask: Ask, status: str | None = None, *, quiet: bool = False) -> Json:
        """Carry out a turn."""
        run.number += 1
        run.status = status or self.next_status()
        run.touched_s = ask.received_s
        events = self.shapes.turn(run, run.status, ask.sent_s, ask.received_s)
        run.background = not quiet and not run.ended and self.chance.random() < 0.06
        return self.shapes.body(run, events, background=run.background)

    def snapshot(self, run: Run) -> Json:
        """Return the final state once more; events are exempt."""
        events = [] if self.chance.random() < 0.7 else [{"type": "workflow_show_state"}]
        return self.shapes.body(run, events)

    def refuse_ended(self, ask: Ask, run: Run, what: str) -> Said:
        """Answer a request to an ended run."""
        if run.gone:
            return self.say(ask, "gone", reply=Refusal(self.chance.choice((404, 410))))
        if self.style.snapshots:
            return self.say(ask, what, body=self.snapshot(run))
        return self.say(ask, f"{what}_refused", reply=Refusal(self.chance.choice(AFTER_END_CODES)))

    def take_turn(self, run: Run, intent: Intent, *, what: str = "executed") -> None:
        """Send one turn, whatever state the run is in."""
        ask = self.ask(Kind.TURN, run, intent)
        self.settle(run)
        if run.gone or run.ended:
            self.commit(self.refuse_ended(ask, run, "snapshot"))
        elif self.expires(run, ask):
            self.commit(self.expired(run, ask))
        else:
            self.commit(self.say(ask, what, body=self.execute(run, ask)))

    def expires(self, run: Run, ask: Ask) -> bool:
        """Tell whether the server has reaped the run."""
        return self.ttl_s is not None and ask.sent_s - run.touched_s > self.ttl_s and self.chance.random() < 0.7

    def expired(self, run: Run, ask: Ask) -> Said:
        """Answer a request to a run that was reaped."""
        self.told[run.id].clouds.add("expired")
        if self.chance.random() < 0.6:
            run.gone = True
            return self.say(ask, "gone", reply=Refusal(self.chance.choice((404, 410))))
        run.status, run.number = "failed", run.number + self.chance.randrange(2)
        events = self.shapes.turn(run, "failed", ask.sent_s, ask.received_s)
        return self.say(ask, "expired", body=self.shapes.body(run, events, error="session expired"))

    def stopped(self, run: Run, ask: Ask) -> Said:
        """Carry out a stop, whatever state the run is in."""
        if run.gone:
            return self.say(ask, "gone", reply=Refusal(404))
        if run.status == "cancelled":
            if self.chance.random() < 0.5:
                return self.say(ask, "stopped_again_refused", reply=Refusal(self.chance.choice(AFTER_END_CODES)))
            run.number += run.second_stops == 0 and self.chance.random() < 0.3
            run.second_stops += 1
            return self.say(ask, "stopped_again", body=self.snapshot(run))
        if run.ended:
            return self.refuse_ended(ask, run, "stopped_after_end")
        if self.expires(run, ask):
            return self.expired(run, ask)
        run.status, run.number = "cancelled", run.number + self.style.stop_takes_a_turn
        run.background = False
        return self.say(ask, "stopped", body=self.snapshot(run))

    # --- operations

    def pick(self, wanted: Callable[[Run, Told], bool] = lambda run, told: True) -> Run | None:
        """Return a run that the client would choose by what it was told."""
        fitting = [run for run in self.runs if wanted(run, self.told[run.id])]
        return self.chance.choice(fitting) if fitting else None

    def live(self) -> Run | None:
        """Return a run that the client takes for live."""
        return self.pick(lambda run, told: told.status not in TERMINAL and not run.gone)

    def ended(self) -> Run | None:
        """Return a run that the client knows to have ended."""
        return self.pick(lambda run, told: told.status in TERMINAL)

    def opened(self, ask: Ask) -> Said:
        """Open a run."""
        run = Run(self.shapes.object_id(ask.received_s), WORKFLOW)
        self.runs.append(run)
        return self.say(ask, "opened", body=self.execute(run, ask))

    def open(self) -> None:
        """Send a first turn."""
        self.commit(self.opened(self.ask(Kind.FIRST, None, Valid())))

    def turn(self) -> None:
        """Send a turn on a run that is taken for live, sometimes after an answer that nobody processed it."""
        if run := self.live():
            if self.chance.random() < 0.1:
                reply = NotProcessed(self.chance.choice((429, 503)))
                self.commit(self.say(self.ask(Kind.TURN, run, Valid()), "not_processed", reply=reply))
            self.take_turn(run, self.chance.choice((Valid(), Valid(("RUN-009",)), Valid(exact=("TRN-004",)))))

    def turn_after_end(self) -> None:
        """Send a turn on a run that has ended."""
        if run := self.ended():
            self.take_turn(run, self.chance.choice((Ended(("STS-009",)), Ended(), Busy())))

    def stop(self) -> None:
        """Send a stop on any run."""
        if run := self.pick():
            live = self.told[run.id].status not in TERMINAL and not run.gone
            ask = self.ask(Kind.STOP, run, Valid() if live else Ended())
            self.settle(run)
            self.commit(self.stopped(run, ask))

    def refused_probe(self) -> None:
        """Send what must be refused, naming a run."""
        if run := self.pick():
            kind = self.chance.choice((Kind.TURN, Kind.STOP, Kind.OTHER))
            ask = self.ask(kind, run, Refused(("EXE-006",), unharmed=("EXE-006",)))
            code = self.chance.choice((400, 401, 403, 404, 422))
            self.commit(self.say(ask, "probe", reply=Refusal(code)))

    def lenient(self) -> None:
        """Send what may be executed or refused."""
        if run := self.live():
            if self.chance.random() < 0.5:
                self.take_turn(run, Lenient(("EXE-006",), same=("RUN-010",)), what="lenient")
            else:
                ask = self.ask(Kind.TURN, run, Lenient(("EXE-006",)))
                self.commit(self.say(ask, "lenient_refused", reply=Refusal(422)))

    def refused_start(self) -> None:
        """Send a first turn that is invalid, or one too many."""
        intent = self.chance.choice((Refused(("EXE-005",)), Busy()))
        code = self.chance.choice((400, 422) if isinstance(intent, Refused) else (409, 423))
        self.commit(self.say(self.ask(Kind.FIRST, None, intent), "start_refused", reply=Refusal(code)))

    def stop_without_run(self) -> None:
        """Send a stop that names no run."""
        ask = self.ask(Kind.STOP, None, Lenient(("CAN-004",)))
        if self.chance.random() < 0.5:
            self.commit(self.say(ask, "unopened_refused", reply=Refusal(422)))
            return
        run = Run(self.shapes.object_id(ask.received_s), WORKFLOW, number=1, status="cancelled")
        self.runs.append(run)
        self.commit(self.say(ask, "stopped_unopened", body=self.snapshot(run)))

    def fault(self) -> None:
        """Lose the answer of a turn or a stop; it was carried out, is not, or will be."""
        run = self.live()
        if run is None:
            return
        kind, what = self.chance.choice(((Kind.TURN, "turn"), (Kind.STOP, "stop")))
        ask = self.ask(kind, run, self.chance.choice((Valid(), Busy())))
        reply = Indeterminate(self.chance.choice((None, None, 500, 502, 503)), "lost")
        self.settle(run)
        effect = self.chance.choice(("none", "done", "late"))
        if effect == "done":
            self.hidden(run, what)
        elif effect == "late":
            run.late.append(what)
        self.commit(self.say(ask, "fault", reply=reply))
        self.told[run.id].clouds.add(f"indeterminate {what}")

    def idle(self) -> None:
        """Let longer pass than sessions live."""
        self.now_s += 2 * TTL_S

    def parallel(self) -> None:
        """Send first turns and turns of several runs at once."""
        runs = [run for run in self.runs if not (run.ended or run.late or run.background or run.gone or self.ttl_s)]
        asks = [(run, self.ask(Kind.TURN, run, Valid(exact=("TRN-004",)), took_s=0.5)) for run in runs[:3]]
        group = [self.say(ask, "executed", body=self.execute(run, ask)) for run, ask in asks]
        group.append(self.opened(self.ask(Kind.FIRST, None, Valid(), took_s=0.5)))
        self.commit(*group)


OPERATIONS: tuple[tuple[str, int], ...] = (
    ("open", 5),
    ("turn", 24),
    ("turn_after_end", 6),
    ("stop", 6),
    ("refused_probe", 5),
    ("lenient", 3),
    ("refused_start", 2),
    ("stop_without_run", 2),
    ("fault", 2),
    ("idle", 2),
    ("parallel", 2),
    ("race", 4),
    ("stop_in_flight", 3),
    ("two_stops", 1),
)


def played(chance: Random, *, steps: int = 16) -> History:
    """Return a history of that many operations."""
    from tests.session.together import TogetherModel

    model = TogetherModel(chance, ttl_s=chance.choice((None, TTL_S)))
    names = [name for name, weight in OPERATIONS for _ in range(weight)]
    model.open()
    for _ in range(chance.randrange(2, steps)):
        getattr(model, chance.choice(names))()
    return History(model.ttl_s, tuple(model.groups))


def histories() -> st.SearchStrategy[History]:
    """Return the strategy of the histories of a correct server."""
    return st.randoms(use_true_random=False).map(played)
