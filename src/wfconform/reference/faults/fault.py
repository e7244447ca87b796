"""What a fault is, and the picks that fault tables share."""

from collections.abc import Callable
from dataclasses import dataclass

from wfconform.reference.calls import Call, Json
from wfconform.reference.deployment import describe
from wfconform.reference.parts import Change, When

ROLES: dict[str, str] = {
    role: given["id"] if isinstance(given, dict) else given for role, given in describe("")["workflows"].items()
}
WAITING = "waiting_for_user_input"


@dataclass(frozen=True, slots=True)
class Fault:
    """A deliberate defect. breaks: the requirements that it violates, all of them and no other.

    reason: why an ID is among them that the sentence does not suggest; live: it shows on a real connection only;
    strays: it harms whatever run is near, so that only one scenario at a time shows what it breaks itself.
    """

    name: str
    sentence: str
    breaks: frozenset[str]
    apply: Change
    live: bool = False
    reason: str = ""
    strays: bool = False


def fault(
    name: str,
    sentence: str,
    apply: Change,
    *breaks: str,
    live: bool = False,
    reason: str = "",
    strays: bool = False,
) -> Fault:
    """Return a fault; `breaks` are requirement IDs."""
    return Fault(name, sentence, frozenset(breaks), apply, live, reason, strays)


def sets(**fields: object) -> Callable[[Json, Call], None]:
    """Return the edit that overwrites fields of an answer."""

    def edit(answer: Json, _: Call) -> None:
        answer.update(fields)

    return edit


def first(_: Json, call: Call) -> bool:
    """Pick out first turns."""
    return call.opens


def later(_: Json, call: Call) -> bool:
    """Pick out later turns."""
    return call.goes_on


def stopped(_: Json, call: Call) -> bool:
    """Pick out the answers to stops of a run."""
    return call.stops


def waiting_later(answer: Json, call: Call) -> bool:
    """Pick out later turns that wait for input."""
    return call.goes_on and answer.get("status") == WAITING


def has_status(status: str) -> When:
    """Pick out answers with this status."""
    return lambda answer, _: answer.get("status") == status


def turn_from(number: int) -> When:
    """Pick out turns from this number on, as the server numbers them."""
    return lambda answer, call: not call.stops and answer.get("turn_number", 0) >= number


def of_role(role: str) -> When:
    """Pick out the answers of one workflow."""
    return lambda _, call: call.workflow_id == ROLES[role]


def both(one: When, other: When) -> When:
    """Pick out what both pick out."""
    return lambda answer, call: one(answer, call) and other(answer, call)


def stops_nothing(call: Call) -> bool:
    """Pick out stops that name no run."""
    return call.command == "stop" and call.json.get("run_id") is None
