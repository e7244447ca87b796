"""Two readers of the same answers: the quick way with the ledger behind it, and the ledger alone."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.session.model import WORKFLOW, Said
from tests.session.shapes import EPOCH_S

from wfconform.load.connection import Reply
from wfconform.load.heads import Heads
from wfconform.load.ordinary import exercised_ids, follow, settle
from wfconform.load.session import LoadSession, Plain
from wfconform.load.shared import Shared
from wfconform.scenarios.expectations import EndsAs
from wfconform.session import Answer, Kind, Ledger, NotSent, Observed, Valid
from wfconform.target import Access, Target, Workflows
from wfconform.wire import Exchange, Request, observe, reply_to

Json = dict[str, Any]
TARGET = Target(Access("http://127.0.0.1:1", auth="none"), Workflows(WORKFLOW, conversation_end="goodbye"))
ENDS = EndsAs("conversation_end", "completed")
Found = set[tuple[str, str]]


def shared_of(target: Target = TARGET) -> Shared:
    """Return what sessions share, with the clock of the model."""
    shared = Shared(target, seed=1)
    shared.epoch_s = shared.ordinary.epoch_s = EPOCH_S
    return shared


def reply_of(body: Json | bytes, *, sent_s: float, received_s: float, date: str | None = None) -> Reply:
    """Return a 200 as it comes off the wire."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    dated = f"\r\ndate: {date}" if date else ""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}{dated}".encode()
    read = Heads().read(head)
    return Reply(int(sent_s * 1e9), int(received_s * 1e9), read, text, head + b"\r\n\r\n" + text)


def seen(findings: list[tuple[Exchange, Any]]) -> Found:
    """Return what findings say, without the roles, which are no requirements."""
    told = ((finding.id, finding.broken) for _, finding in findings if not finding.id.startswith("role:"))
    return {(id, "" if broken is None else broken.actual) for id, broken in told}


@dataclass
class Pair:
    """Both readers of one deployment's traffic, and how often the quick way was taken."""

    shared: Shared = field(default_factory=shared_of)
    ledger: Ledger = field(default_factory=Ledger)
    sessions: dict[str, LoadSession] = field(default_factory=dict)
    accepted: int = 0

    def read(self, said: Said, body: Json | bytes) -> None:
        """Give an answer to both, and hold them together."""
        ask = said.ask
        reply = reply_of(body, sent_s=ask.sent_s, received_s=ask.received_s, date=said.date)
        session = self.sessions.get(ask.run_id or "")
        plain = self._plain(said, session)
        expects = () if plain is None or plain.ends is None else (plain.ends,)
        request = Request(ask.kind, WORKFLOW, intent=ask.intent, run_id=ask.run_id, expects=expects)
        alone = seen(observe(self.ledger, self.shared.exchange_of(request, reply)))
        bits = self.shared.ordinary.accepts(plain, reply) if plain is not None else 0
        if bits:
            self.accepted += 1
            assert {(id, "") for id in exercised_ids(bits)} == alone
        else:
            if session is not None:
                settle(session)
            assert seen(observe(self.shared.ledger, self.shared.exchange_of(request, reply))) == alone
        self._follow(plain, [] if bits else [reply_to(self.shared.exchange_of(request, reply))])
        self._same()

    def other(self, said: Said) -> None:
        """Give both something that is no 200."""
        if (session := self.sessions.get(said.ask.run_id or "")) is not None:
            settle(session)
        one = Observed(said.ask, said.reply or NotSent())
        assert self.shared.ledger.observe(one) == self.ledger.observe(one)

    def _plain(self, said: Said, session: LoadSession | None) -> Plain | None:
        ask = said.ask
        if ask.intent != Valid():
            return None
        if ask.kind is Kind.FIRST:
            return Plain(self.shared.client.session(), b"", None, None)
        ends = ENDS if said.body is not None and said.body["status"] == "completed" else None
        return Plain(session, b"", "hello", None, ends) if ask.kind is Kind.TURN and session is not None else None

    def _follow(self, plain: Plain | None, replies: list[Any]) -> None:
        """Let sessions know what the ledger knows, as the driver does."""
        if plain is not None and plain.text is None and plain.session.run_id is not None:
            self.sessions.setdefault(plain.session.run_id, plain.session)
        answers = [reply for reply in replies if isinstance(reply, Answer)]
        for run_id, run in self.shared.ledger._runs.items():
            known = self.sessions.get(run_id)
            if known is None:
                known = self.sessions[run_id] = self.shared.client.session()
                known.run_id = run_id
            follow(known, run, [answer for answer in answers if answer.run_id == run_id])

    def _same(self) -> None:
        """Both remember the same of every run."""
        for session in self.sessions.values():
            settle(session)
        assert self.shared.ledger._runs == self.ledger._runs


_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    2,
    -1,
    1.0,
    1.5,
    "",
    "x",
    "waiting_for_user_input",
    [],
    {},
    [{}],
    {"a": 1},
)


def mutated(body: Json, earlier: list[Json], chance: Random) -> Json:
    """Return an answer with one thing changed."""
    changed = deepcopy(body)
    chance.choice(_MUTATIONS)(changed, earlier, chance)
    return changed


def _field(body: Json, _: list[Json], chance: Random) -> None:
    body[chance.choice(sorted(body))] = chance.choice(_VALUES)


def _left_out(body: Json, _: list[Json], chance: Random) -> None:
    del body[chance.choice(sorted(body))]


def _event_field(body: Json, _: list[Json], chance: Random) -> None:
    if body["events"]:
        event = chance.choice(body["events"])
        name = chance.choice(
            sorted({*event, "timestamp", "logical_id", "thread_reference_id", "origin_node_logical_id"})
        )
        event[name] = chance.choice((*_VALUES, *(other.get(name) for other in body["events"])))


def _event_lost(body: Json, _: list[Json], chance: Random) -> None:
    if body["events"]:
        del body["events"][chance.randrange(len(body["events"]))]


def _event_twice(body: Json, earlier: list[Json], chance: Random) -> None:
    source = chance.choice([body, *earlier])["events"]
    if source:
        body["events"].insert(chance.randrange(len(body["events"]) + 1), deepcopy(chance.choice(source)))


def _shuffled(body: Json, _: list[Json], chance: Random) -> None:
    chance.shuffle(body["events"])


def _turn(body: Json, _: list[Json], chance: Random) -> None:
    body["turn_number"] += chance.choice((-1, 1, 2, 100))


def _run(body: Json, earlier: list[Json], chance: Random) -> None:
    ids = [one["run_id"] for one in earlier]
    body["run_id"] = chance.choice([body["run_id"].upper(), body["run_id"][:-1], "0" * 24, *ids])


def _status(body: Json, _: list[Json], chance: Random) -> None:
    body["status"] = chance.choice(("completed", "paused", "failed", "running", "Waiting_for_user_input", "cancelled"))


def _hint(body: Json, earlier: list[Json], chance: Random) -> None:
    hint = body.get("next_input_hint")
    if isinstance(hint, dict):
        hint[chance.choice(("type", "logical_id"))] = chance.choice(("x", None, "busy_wait_for_user_message"))
    else:
        body["next_input_hint"] = chance.choice(earlier or [{}]).get("next_input_hint")


def _shifted(body: Json, _: list[Json], chance: Random) -> None:
    by_s = chance.choice((-7200.0, -70.0, -1.0, -0.0005, 0.5, 70.0, 7200.0))
    for event in body["events"][chance.randrange(len(body["events"]) + 1) :]:
        if isinstance(event.get("timestamp"), float | int):
            event["timestamp"] += by_s


def _flag(body: Json, _: list[Json], chance: Random) -> None:
    name = chance.choice(("is_completed", "is_waiting_for_input"))
    body[name] = not body[name]


def _restarted(body: Json, _: list[Json], chance: Random) -> None:
    if body["events"]:
        body["events"].insert(
            0, {**body["events"][0], "type": "start_workflow", "logical_id": f"again-{chance.random()}"}
        )


def _sent_again(body: Json, earlier: list[Json], chance: Random) -> None:
    events = chance.choice(earlier or [body])["events"]
    if events:
        body["events"].insert(0, {**chance.choice(events), "logical_id": f"new-{chance.random()}"})


def _renamed_node(body: Json, _: list[Json], chance: Random) -> None:
    nodes = [event for event in body["events"] if event["type"] in ("start_node_run", "end_node_run")]
    if nodes:
        chance.choice(nodes)[chance.choice(("origin_node_logical_id", "origin_node_run_id"))] = "another"


def _unclosed(body: Json, _: list[Json], chance: Random) -> None:
    for event in body["events"]:
        if event["type"] in ("busy_wait_for_user_message", "pause_event", "end_workflow"):
            event["type"] = chance.choice(("something_new", "pause_thread"))


def _early(body: Json, _: list[Json], chance: Random) -> None:
    if body["events"] and isinstance(body["events"][0].get("timestamp"), float):
        body["events"][0]["timestamp"] -= chance.choice((0.0005, 60.0, 7200.0))


_MUTATIONS: tuple[Callable[[Json, list[Json], Random], None], ...] = (
    *(_field, _left_out, _event_field, _event_lost, _event_twice, _shuffled, _turn, _run, _status, _hint, _shifted),
    *(_flag, _restarted, _sent_again, _renamed_node, _unclosed, _early),
)
