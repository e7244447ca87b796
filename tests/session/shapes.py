"""Answers as real servers shape them: every choice that the contract leaves open is made by chance."""

from dataclasses import dataclass, field
from email.utils import formatdate
from random import Random
from typing import Any

Json = dict[str, Any]

WAITING = "waiting_for_user_input"
TERMINAL = ("completed", "failed", "cancelled", "aborted_looping_risk")
NODES = ("node_greet", "node_ask", "node_tell", "node_route")
EPOCH_S = 1_790_000_000.0

STALE_S = 9.0


@dataclass(frozen=True, slots=True)
class Style:
    """What one server does the same way in all its runs."""

    threads: tuple[str | None, ...]
    thread_left_out: bool
    stamps: str
    ids: bool
    nulls_left_out: bool
    start_workflow: bool
    parks: bool
    one_node_run: bool
    extra_fields: bool
    dated: bool
    skew_s: float
    serialises: bool
    stop_takes_a_turn: bool
    snapshots: bool

    @classmethod
    def drawn(cls, chance: Random) -> "Style":
        """Return a style by chance."""
        dated = chance.random() < 0.7
        return cls(
            threads=chance.choice((("0",), (None,), ("0", None))),
            thread_left_out=chance.random() < 0.2,
            stamps=chance.choice(("fraction", "fraction", "whole", "absent")),
            ids=chance.random() < 0.8,
            nulls_left_out=chance.random() < 0.5,
            start_workflow=chance.random() < 0.4,
            parks=chance.random() < 0.6,
            one_node_run=chance.random() < 0.5,
            extra_fields=chance.random() < 0.5,
            dated=dated,
            skew_s=chance.choice((0.0, -3600.0, 86400.0)) if dated else 0.0,
            serialises=chance.random() < 0.5,
            stop_takes_a_turn=chance.random() < 0.5,
            snapshots=chance.random() < 0.5,
        )


@dataclass(slots=True)
class Run:
    """A run as its server holds it. late: requests that timed out and may still be carried out."""

    id: str
    workflow_id: str
    number: int = 0
    status: str = "not_started"
    parked: tuple[str, str] | None = None
    background: bool = False
    touched_s: float = 0.0
    gone: bool = False
    begun: bool = False
    second_stops: int = 0
    late: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Terminal."""
        return self.status in TERMINAL


@dataclass(slots=True)
class Shapes:
    """Makes events and bodies in one style."""

    style: Style
    chance: Random
    _made: int = 0

    def date(self, at_s: float) -> str | None:
        """Return the Date header at a moment of the monotonic clock; it is old where the server is short of time."""
        style = self.style
        old_s = STALE_S if style.extra_fields and not style.skew_s else 0.0
        return formatdate(EPOCH_S + at_s + style.skew_s - old_s, usegmt=True) if style.dated else None

    def object_id(self, at_s: float) -> str:
        """Return a run_id made at that moment."""
        self._made += 1
        return f"{int(EPOCH_S + at_s + self.style.skew_s):08x}{self.chance.getrandbits(40):010x}{self._made:06x}"

    def _event(self, type: str, **fields: Any) -> Json:
        self._made += 1
        event: Json = {"type": type, "comments": None, "interrupted": False, **fields}
        if self.style.ids and self.chance.random() < 0.9:
            event["logical_id"] = f"event_{self.chance.getrandbits(64):016x}-{self._made:06x}"
        if not self.style.thread_left_out:
            event.setdefault("thread_reference_id", self.chance.choice(self.style.threads))
            event.setdefault("origin_thread_id", None)
        return event

    def _of_node(self, type: str, node: tuple[str, str], **fields: Any) -> Json:
        name, run = node
        origin = {"origin_node_logical_id": name, "origin_node_name": name[5:], "origin_node_run_id": run}
        return self._event(type, **origin, **fields)

    def _edge(self, type: str, source: str) -> Json:
        return self._event(type, source_node_logical_id=source, destination_node_logical_id=NODES[0], reason="always")

    def _node(self) -> tuple[str, str]:
        self._made += 1
        return self.chance.choice(NODES), "1" if self.style.one_node_run else str(self._made)

    def _finish(self, node: tuple[str, str]) -> list[Json]:
        usage = {"provider": "any", "total_tokens": 17, "was_estimated": False}
        return [
            self._of_node("user_messages", node, messages=[{"type": "human", "content": "hi"}]),
            self._of_node("llm", node, message={"content": "well"}, llm_usage_info=usage),
            self._of_node("assistant_response", node, content="well", llm_usage_info=None),
            self._of_node("end_node_run", node, run_output={}),
            self._edge(self.chance.choice(("direct_edge", "conditional_edge")), node[0]),
        ]

    def _pass_through(self) -> list[Json]:
        node = self._node()
        return [
            self._of_node("start_node_run", node, run_input={}),
            self._of_node("say_static", node, message="hello"),
            self._of_node("end_node_run", node, run_output={}),
            self._edge("direct_edge", node[0]),
        ]

    def _companion(self) -> list[Json]:
        node = self._node()
        made = [
            self._event("start_thread"),
            self._of_node("start_node_run", node, thread_reference_id="7"),
            self._of_node("worker_llm", node, thread_reference_id="7", message=None),
        ]
        return (
            made
            if self.chance.random() < 0.5
            else [*made, self._of_node("end_node_run", node, thread_reference_id="7")]
        )

    def _closing(self, status: str, node: tuple[str, str]) -> list[Json]:
        chance = self.chance
        wait = self._of_node("busy_wait_for_user_message", node, say_static_on_start=None)
        closers: dict[str, list[Json]] = {
            WAITING: [*([self._event("pause_event")] if chance.random() < 0.3 else []), wait],
            "paused": [
                wait if (pick := chance.randrange(3)) == 0 else self._event(("pause_event", "pause_thread")[pick - 1])
            ],
            "completed": [self._event("end_workflow", llm_token_usage={}, llm_latency_stats={})],
            "failed": [self._event("workflow_error", error_message="no route", stack_trace=None)],
            "aborted_looping_risk": [
                self._event(chance.choice(("workflow_error", "end_workflow", "workflow_warning")))
            ],
            "cancelled": [],
        }
        return closers[status]

    def turn(self, run: Run, status: str, start_s: float, end_s: float) -> list[Json]:
        """Return the events of one turn of a run that ends in a status, and remember the node it parks in."""
        chance, events = self.chance, []
        if not run.begun and self.style.start_workflow:
            events.append(self._event("start_workflow"))
        run.begun = True
        if run.parked is not None:
            events += self._finish(run.parked)
        for _ in range(chance.randrange(3)):
            events += self._pass_through()
        if chance.random() < 0.15:
            events += self._companion()
        node = self._node()
        opens = status != "completed"
        events += [self._of_node("start_node_run", node), self._of_node("say_llm", node, message="?")] if opens else []
        stays = opens and (self.style.parks or status == "failed")
        events += [self._of_node("end_node_run", node)] if opens and not stays else []
        events += self._closing(status, node)
        events += [self._event("made_up_tomorrow", anything=[1, {}])] if chance.random() < 0.2 else []
        run.parked = node if stays else None
        if status == "cancelled":
            events = events[: chance.randrange(len(events) + 1)]
        return self._stamped(events, start_s, end_s)

    def _stamped(self, events: list[Json], start_s: float, end_s: float) -> list[Json]:
        base = EPOCH_S + self.style.skew_s
        for index, event in enumerate(events, start=1):
            stamp = base + start_s + (end_s - start_s) * index / (len(events) + 1)
            if self.style.stamps == "whole":
                stamp = float(int(stamp))
            if self.style.stamps != "absent":
                event["timestamp"] = stamp
        return events

    def body(self, run: Run, events: list[Json], *, background: bool = False, error: str | None = None) -> Json:
        """Return the 200 body that tells of the run as it now is."""
        chance, status = self.chance, run.status
        waits = next((event for event in reversed(events) if event["type"] == "busy_wait_for_user_message"), None)
        paused = status == "paused"
        body: Json = {
            "run_id": run.id,
            "status": status,
            "turn_number": run.number,
            "events": events,
            "is_waiting_for_input": status == WAITING or (paused and chance.random() < 0.5),
            "is_completed": status in TERMINAL,
            "error": error or ("it broke" if status == "failed" else None),
            "next_input_hint": waits if status == WAITING or (paused and chance.random() < 0.5) else None,
        }
        if self.style.nulls_left_out:
            body = {key: value for key, value in body.items() if value is not None}
        if background or self.style.extra_fields:
            body |= {"has_background_work": background, "has_active_companions": False}
        return body
