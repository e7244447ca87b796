"""What the contract says of a generated request: must it be refused, and which requirement says so (§3, §4).

schemathesis calls a request invalid when the schema does; the contract lets a server take much of that. Only what it
certainly forbids is read as refused here, everything else may be executed or refused.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wfconform.conformance.generated.cases import Case
from wfconform.session import Intent, Kind, Lenient, Refused

ANYTHING = Lenient(("EXE-008",))
COMMANDS = frozenset({"start", "data", "resume", "pause", "stop"})
_RUN_ID = re.compile(r"[0-9a-fA-F]{24}")
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{2,64}")
_NO_TOKEN = frozenset({"null", "none", "nil", "undefined", "nan"})
# Versions that no reader takes for an integer >= 0: negative, a true fraction, a word (VER-003).
_NO_VERSION = re.compile(r"-[1-9]\d{0,15}|\d{1,9}\.\d{0,9}[1-9]|[a-z]{3,20}")
_WORDS_FOR_VALUES = frozenset({"null", "none", "nil", "undefined", "true", "false", "nan", "inf", "infinity", "latest"})
# What only letters, digits and a hyphen make up comes through any router as it was sent (EXE-003).
_ROUTED = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORKFLOW_ID = re.compile(r"[0-9a-f]{24}")
# Fields that may take a session anywhere else: once executed, nothing is promised of it but what its history shows.
_STEERING = ("dynamic_variables", "runtime_variables", "start_node_logical_id", "initial_state", "workflow_id")


@dataclass(frozen=True, slots=True)
class Reading:
    """A body by the contract. kind: what it asks for; broken: what must be refused, by requirement.

    run_id: None when it names no run, else the value as given; steering: executed, it may lead anywhere.
    """

    kind: Kind
    broken: tuple[str, ...] = ()
    run_id: Any = None
    names_well: bool = False
    steering: bool = True
    value: Any = None
    maybe: tuple[str, ...] = ()

    @property
    def intent(self) -> Intent:
        """What the request is meant to show."""
        return Refused(self.broken) if self.broken else Lenient((*self.maybe, "EXE-008"))


def read(case: Case) -> Reading:
    """Return what a body is."""
    try:
        value = json.loads(case.body.decode())
    except (ValueError, RecursionError):
        return Reading(Kind.OTHER, ("EXE-005",))
    if not isinstance(value, dict) or not isinstance(value.get("run_input"), dict):
        return Reading(Kind.OTHER, ("EXE-005",), value=value)
    return _of_an_object(value)


def _of_an_object(value: Mapping[str, Any]) -> Reading:
    run_id, given = value.get("run_id"), value["run_input"]
    command = given.get("command", "start")
    named = isinstance(run_id, str) and _RUN_ID.fullmatch(run_id) is not None
    broken = (*(("RUN-006",) if _malformed(run_id) else ()), *(("EXE-006",) if _unknown(command) else ()))
    return Reading(
        kind=_kind(run_id, command, named=named),
        broken=broken,
        run_id=run_id,
        names_well=named,
        steering=_steers(given),
        value=value,
        maybe=("EXE-006",) if not isinstance(command, str) else (),
    )


def _kind(run_id: Any, command: Any, *, named: bool) -> Kind:
    """Return what is asked; what may be read in two ways is left to no history."""
    spelled = command if isinstance(command, str) else "start"
    if spelled != "stop" and spelled.strip().lower() in ("stop", "pause"):
        return Kind.OTHER
    if run_id is None:
        return Kind.STOP if spelled == "stop" else Kind.FIRST
    if not named:
        return Kind.OTHER
    return Kind.STOP if spelled == "stop" else Kind.TURN


def _malformed(run_id: Any) -> bool:
    """RUN-006; an empty string and one with blanks around an id are judged by nobody."""
    if run_id is None:
        return False
    return not isinstance(run_id, str) or (bool(run_id.strip()) and not _RUN_ID.fullmatch(run_id.strip()))


def _unknown(command: Any) -> bool:
    """EXE-006: a token, and none of the commands in any letter case."""
    if not isinstance(command, str) or not _TOKEN.fullmatch(command):
        return False
    return command.lower() not in COMMANDS | _NO_TOKEN


def _steers(given: Mapping[str, Any]) -> bool:
    """Tell whether a run_input does more than bring a text to the main thread."""
    if any(given.get(name) for name in (*_STEERING, "workflow_run_id", "version_number")):
        return True
    threads = given.get("thread_to_node_inputs")
    if not isinstance(threads, dict) or set(threads) != {"0"} or given.get("command", "start") == "pause":
        return True
    return not all(map(_is_plain, _inputs(threads["0"]))) or not _inputs(threads["0"])


def _inputs(thread: Any) -> list[Any]:
    inputs = thread.get("node_run_inputs") if isinstance(thread, dict) else None
    return inputs if isinstance(inputs, list) else []


def _is_plain(given: Any) -> bool:
    """Tell whether an input is a message for whatever node waits, and nothing beside it."""
    if not isinstance(given, dict) or any(given.get(name) for name in ("node_logical_id", *_STEERING)):
        return False
    messages = given.get("messages")
    return isinstance(messages, list) and bool(messages) and all(map(_is_message, messages))


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("content"), str) and bool(message["content"].strip())


def path_intent(workflow_id: str) -> Refused | None:
    """Return what a generated workflow_id in the path is meant to show, None where nothing is certain."""
    if not _ROUTED.fullmatch(workflow_id) or _WORKFLOW_ID.fullmatch(workflow_id.lower()):
        return None
    return Refused(("EXE-003",))


def bad_version(case: Case) -> bool:
    """Tell whether the query asks for what certainly is no version (VER-003, on a first turn)."""
    given = [value for key, value in case.query if key == "version"]
    return len(given) == 1 and _NO_VERSION.fullmatch(given[0]) is not None and given[0] not in _WORDS_FOR_VALUES
