"""A scripted server for the generators: it answers what each request is meant to show, or always 200."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wfconform.scenarios import Census, Client, Probe, Restart, ScenarioSpec, Send, Shows, Stored, Together, Wait
from wfconform.session import Ended, Kind, Ledger, Refused
from wfconform.target import Versioned, Workflows
from wfconform.wire import Exchange, Request, observe

IDS = {
    role: f"{number:024x}"
    for number, role in enumerate(
        ("conversation", "completes", "fails", "loops", "pauses", "slow", "versioned"), start=0xA0
    )
}
VERSIONS = {0: "the first text", 1: "the second text"}
WORKFLOWS = Workflows(
    conversation=IDS["conversation"],
    conversation_end="goodbye",
    echoes=True,
    completes=IDS["completes"],
    fails=IDS["fails"],
    loops=IDS["loops"],
    pauses=IDS["pauses"],
    slow=IDS["slow"],
    versioned=Versioned(IDS["versioned"], VERSIONS, active=1),
)
ENDS = {"completes": "completed", "fails": "failed", "loops": "aborted_looping_risk", "pauses": "paused"}
CLOSERS = {
    "waiting_for_user_input": "busy_wait_for_user_message",
    "completed": "end_workflow",
    "failed": "workflow_error",
    "aborted_looping_risk": "workflow_error",
    "paused": "pause_event",
}
TERMINAL = ("completed", "failed", "aborted_looping_risk", "cancelled")
EPOCH_S = 1_790_000_000.0


def digits(seed: str) -> Callable[[int], str]:
    """Return a source of hexadecimal digits that a seed repeats."""
    source = random.Random(seed)
    return lambda count: f"{source.getrandbits(4 * count):0{count}x}"


def client(seed: str = "seed") -> Client:
    """Return a client of a deployment where every role is played."""
    return Client(WORKFLOWS, digits(seed), second_workflow=IDS["conversation"], team_id="team")


@dataclass(slots=True)
class Run:
    """What the server knows of a run."""

    id: str
    role: str
    version: int
    number: int = 0
    status: str = "not_started"


@dataclass(slots=True)
class Replier:
    """Answers requests; generous: with a 200 even where a refusal is right."""

    generous: bool = False
    now_s: float = 100.0
    runs: dict[str, Run] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    _events: int = 0

    def exchange(self, request: Request, *, took_s: float = 0.5) -> Exchange:
        """Answer one request."""
        self.requests.append(request)
        status, body = self._reply(request)
        headers = (("content-type", "application/json"), ("www-authenticate", "Bearer"))
        data = json.dumps(body).encode()
        return Exchange(
            request, status, headers, data, self.now_s, self.now_s + took_s, EPOCH_S + self.now_s, leaked=False
        )

    def _reply(self, request: Request) -> tuple[int, Any]:
        if request.method != "POST":
            return 405, {"detail": "not allowed"}
        if isinstance(request.intent, Refused) and not self.generous:
            return (request.intent.codes or (422,))[0], {"detail": "refused"}
        run = self.runs.get(request.run_id or "") or self._opened(request)
        if run.status in TERMINAL:
            ended = isinstance(request.intent, Ended) and not self.generous
            return (409, {"detail": "ended"}) if ended else (200, self._body(run, []))
        stops = request.kind is Kind.STOP
        run.status = "cancelled" if stops else self._end_of(run, request)
        run.number += not stops or run.number == 0
        return 200, self._body(run, [] if stops else self._turn(run, request))

    def _opened(self, request: Request) -> Run:
        role = next((role for role, id in IDS.items() if id == request.workflow_id), "conversation")
        asked = dict(request.query).get("version", "")
        id = f"{int(EPOCH_S + self.now_s):08x}{len(self.runs):016x}"
        self.runs[id] = Run(id, role, int(asked) if asked in ("0", "1") else 1)
        return self.runs[id]

    def _end_of(self, run: Run, request: Request) -> str:
        says_goodbye = run.role == "conversation" and '"goodbye"' in json.dumps(request.json)
        return "completed" if says_goodbye else ENDS.get(run.role, "waiting_for_user_input")

    def _turn(self, run: Run, request: Request) -> list[dict[str, Any]]:
        node = {"origin_node_logical_id": "node", "origin_node_run_id": str(run.number)}
        said = {"content": f"{_text_of(request)}"} if run.role != "versioned" else {"content": VERSIONS[run.version]}
        made = [
            {"type": "start_node_run", **node},
            {"type": "say_llm", **node, **said},
            {"type": "end_node_run", **node},
        ]
        return [self._event(index, event) for index, event in enumerate([*made, {"type": CLOSERS[run.status]}])]

    def _event(self, index: int, event: dict[str, Any]) -> dict[str, Any]:
        self._events += 1
        stamp = EPOCH_S + self.now_s + 0.01 * (index + 1) + 0.001
        return {"logical_id": f"event_{self._events}", "timestamp": stamp, "thread_reference_id": "0", **event}

    def _body(self, run: Run, events: list[dict[str, Any]]) -> dict[str, Any]:
        waits = run.status == "waiting_for_user_input"
        return {
            "run_id": run.id,
            "status": run.status,
            "turn_number": run.number,
            "events": events,
            "is_waiting_for_input": waits,
            "is_completed": run.status in TERMINAL,
            "error": "it broke" if run.status == "failed" else None,
            "next_input_hint": events[-1] if waits else None,
        }


def _text_of(request: Request) -> str:
    inputs = (request.json or {}).get("run_input", {}).get("thread_to_node_inputs", {})
    given = inputs.get("0", {}) if isinstance(inputs, dict) else {}
    said = given.get("node_run_inputs") if isinstance(given, dict) else None
    messages = said[-1].get("messages") if isinstance(said, list) and said else None
    last = messages[-1] if isinstance(messages, list) and messages else None
    return str(last.get("content")) if isinstance(last, dict) else ""


@dataclass(slots=True)
class Played:
    """A scenario as it went: its requests, and what the ledger found, by ID; broken wins."""

    requests: list[Request]
    held: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)


def _beside(operation: Probe | Census | Restart | Shows, replier: Replier, played: "Played") -> Any:
    """Do what is not a call: the replier's runs are its records."""
    if isinstance(operation, Shows):
        played.held.add(operation.id)
        if operation.broken:
            played.broken[operation.id] = f"{operation.broken.expected} / {operation.broken.actual}"
    if isinstance(operation, Census):
        return len(replier.runs)
    if isinstance(operation, Probe):
        run = replier.runs.get(operation.run_id)
        return Stored(run is not None, run.status if run else None)
    return None


def play(spec: ScenarioSpec, *, generous: bool = False, seed: str = "seed", longest: int = 2000) -> Played:
    """Play a scenario to its end against the replier."""
    replier, ledger = Replier(generous), Ledger()
    played, scenario, reply = Played(replier.requests), spec.run(client(seed)), None
    for _ in range(longest):
        try:
            operation = scenario.send(reply)
        except StopIteration:
            return played
        if isinstance(operation, Wait):
            replier.now_s, reply = replier.now_s + operation.seconds, None
            continue
        if isinstance(operation, Probe | Census | Restart | Shows):
            reply = _beside(operation, replier, played)
            continue
        sends: list[Send] = [send for _, send in operation.sends] if isinstance(operation, Together) else [operation]
        exchanges = [replier.exchange(send.request, took_s=0.5 + 0.1 * index) for index, send in enumerate(sends)]
        replier.now_s += 2.0
        for send, exchange in zip(sends, exchanges, strict=True):
            send.session.learn(exchange)
        for _, finding in observe(ledger, *exchanges):
            played.held.add(finding.id)
            if finding.broken:
                played.broken[finding.id] = f"{finding.broken.expected} / {finding.broken.actual}"
        reply = exchanges if isinstance(operation, Together) else exchanges[0]
    raise AssertionError(f"{spec.name} has not ended after {longest} operations")
