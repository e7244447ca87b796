"""The EVT invariants: what the events of one executed turn must look like beside those of the turns before."""

from collections import Counter

from wfconform.session.history import NodeRun, stamp_key
from wfconform.session.invariants import Outcome, Step, Table, _held
from wfconform.session.states import CANCELLED, CLOSING_EVENTS, MAIN_THREAD, NODE_LEAVING_EDGES, NODE_WORK
from wfconform.session.values import Broken, Event

CLOCK_SLACK_S = 5.0  # a Date header tells whole seconds, and a gateway's clock is not the runtime's
UNKNOWN_SKEW_S = 60.0  # without a Date header: as much as RUN-008 grants
BACKWARDS_S = 0.001  # EVT-005
APART_S = 0.005  # turns this far apart cannot share a timestamp, even of whole milliseconds


def evt_002(step: Step) -> Outcome:
    """There are events."""
    events = step.answer.events
    if events is None or step.answer.status in (None, CANCELLED):
        return None
    return _held(bool(events), "at least one event", "an empty array", "$.events")


def evt_003(step: Step) -> Outcome:
    """An event tells the turn's end."""
    events, wanted = step.answer.events, CLOSING_EVENTS.get(step.answer.status or "")
    if events is None or wanted is None:
        return None
    types = [event.type for event in events] or ["nothing"]
    return _held(
        not wanted.isdisjoint(types),
        f"an event {' or '.join(sorted(wanted))} with status {step.answer.status}",
        f"events end with {types[-1]!r}",
        "$.events",
    )


def evt_004(step: Step) -> Outcome:
    """No logical_id of an earlier turn comes back; events without one show as much."""
    events, known = step.answer.events or (), step.run.events.ids
    if not events or step.run.lo == 0:
        return None
    for index, event in enumerate(events):
        if event.logical_id is not None and hash(event.logical_id) in known:
            again = f"{event.logical_id!r} ({event.type})"
            return Broken("an id that no earlier turn had", again, f"$.events[{index}].logical_id")
    return True


def evt_005(step: Step) -> Outcome:
    """Within a thread timestamps do not run backwards, and lie within the call's span plus skew."""
    latest: dict[str | None, float] = {}
    spans = _spans(step)
    judged: Outcome = None
    for index, event in enumerate(step.answer.events or ()):
        stamp = event.timestamp
        if stamp is None:
            continue
        path = f"$.events[{index}].timestamp"
        before = latest.get(event.thread, stamp)
        if stamp < before - BACKWARDS_S:
            return Broken(f"not before {before} (the event before it in thread {event.thread!r})", str(stamp), path)
        if not any(low <= stamp <= high for low, high in spans):
            low, high = spans[0]
            return Broken(f"within the call, {low:.1f} to {high:.1f} by the server's clock", str(stamp), path)
        latest[event.thread] = max(before, stamp)
        judged = True
    return judged


def _spans(step: Step) -> tuple[tuple[float, float], ...]:
    """Return when the call was: by the Date header, and by the caller's clock.

    A server that is short of time sends a Date that is older than its answer (uvicorn makes one for ten of its ticks),
    so an event that the Date alone puts into the future may have happened now.
    """
    date, ask = step.answer.server_date, step.ask
    took_s = ask.received_s - ask.sent_s
    if date is None:
        return ((ask.received_at - took_s - UNKNOWN_SKEW_S, ask.received_at + UNKNOWN_SKEW_S),)
    return tuple((end - took_s - CLOCK_SLACK_S, end + CLOCK_SLACK_S) for end in (date, ask.received_at))


def evt_006(step: Step) -> Outcome:
    """start_node_run and end_node_run pair up by thread, node and node run."""
    run, events = step.run, step.answer.events or ()
    if (
        not run.judged
        or run.pending
        or run.unseen
        or step.answer.turn_number != run.lo + 1
        or run.events.has_any(events)
    ):
        return None
    running: Counter[NodeRun] = Counter(step.run.events.open_nodes)
    judged: Outcome = None
    for index, event in enumerate(step.answer.events or ()):
        if event.thread not in MAIN_THREAD or event.type not in ("start_node_run", "end_node_run"):
            continue
        judged = True
        key = (event.node, event.node_run)
        running[key] += 1 if event.type == "start_node_run" else -1
        if running[key] < 0:
            return Broken("an end_node_run after its start_node_run", f"no start for {key!r}", f"$.events[{index}]")
    unfinished = [key for key, count in running.items() if count > 0]
    if judged and step.answer.status == "completed" and unfinished:
        return Broken("every started node run ended when the run completed", f"{unfinished[0]!r} did not", "$.events")
    return judged


def evt_007(step: Step) -> Outcome:
    """start_workflow, when sent, is in the first turn only."""
    if step.run.lo == 0 or not step.answer.events:
        return None
    again = [index for index, event in enumerate(step.answer.events) if event.type == "start_workflow"]
    if not again:
        return True
    return Broken("start_workflow in the first turn only", "one in a later turn", f"$.events[{again[0]}]")


def evt_009(step: Step) -> Outcome:
    """Events of an earlier turn are not sent again under new ids."""
    judged: Outcome = None
    known = step.run.events
    for index, event in enumerate(step.answer.events or ()):
        key = stamp_key(event)
        if key is None or step.run.lo == 0:
            continue
        judged = True
        earlier = known.stamps.get(key)
        under_new_id = event.logical_id is None or hash(event.logical_id) not in known.ids
        if earlier is not None and under_new_id and step.ask.sent_s - earlier > APART_S:
            return Broken("an event of this turn", _same(event), f"$.events[{index}]")
    return judged


def _same(event: Event) -> str:
    return f"{event.type} of {event.timestamp} from {event.node or event.source_node!r}, which an earlier turn had sent"


def evt_010(step: Step) -> Outcome:
    """A turn that ran a node has its start_node_run and end_node_run."""
    events = [event for event in step.answer.events or () if event.thread in MAIN_THREAD]
    types = {event.type for event in events}
    if types.isdisjoint(NODE_WORK) or step.answer.status == CANCELLED:
        return None
    if types.isdisjoint({"start_node_run", "end_node_run"}):
        return Broken("start_node_run and end_node_run of the node that ran", "neither", "$.events")
    ended = {event.node for event in events if event.type == "end_node_run"}
    for index, event in enumerate(step.answer.events or ()):
        left = event.source_node if event.type in NODE_LEAVING_EDGES and event in events else None
        if left is not None and left not in ended:
            return Broken(f"an end_node_run of {left!r}, which the turn left", "none", f"$.events[{index}]")
    return True


EVENTS: Table = (
    ("EVT-002", evt_002),
    ("EVT-003", evt_003),
    ("EVT-004", evt_004),
    ("EVT-005", evt_005),
    ("EVT-006", evt_006),
    ("EVT-007", evt_007),
    ("EVT-009", evt_009),
    ("EVT-010", evt_010),
)
