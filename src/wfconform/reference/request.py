"""The request (§3, §4), read strictly: what it means as a `Call`, or a Refusal that names the field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from bson import ObjectId

from wfconform.reference.events import MAIN_THREAD
from wfconform.reference.refusals import Place, Refusal, invalid

Command = Literal["start", "data", "resume", "pause", "stop"]
MAX_VARIABLE_DEPTH = 32
MAX_INTEGER = 2**63 - 1
_NEEDS_RUN = frozenset({"pause", "stop"})
_HEX_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_INTEGER = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """What a client asks for; `text` is the user's message, None when there is none."""

    run_id: ObjectId | None
    command: Command
    text: str | None
    dynamic: Mapping[str, Any]
    runtime: Mapping[str, Any]


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    type: str | None = None
    role: str | None = None


class _NodeInput(msgspec.Struct):
    messages: list[_Message] | None = None
    type: str | None = None
    node_logical_id: str | None = None


class _Thread(msgspec.Struct):
    node_run_inputs: list[_NodeInput] | None = None


class _RunInput(msgspec.Struct):
    thread_to_node_inputs: dict[str, _Thread]
    command: Command | None = None
    dynamic_variables: dict[str, Any] | None = None
    runtime_variables: dict[str, Any] | None = None
    miscellaneous: dict[str, msgspec.Raw] | None = None
    workflow_id: str | None = None
    version_number: int | None = None
    run_by: str | None = None
    workflow_run_id: str | None = None
    team_id: str | None = None
    start_node_logical_id: str | None = None
    initial_state: dict[str, msgspec.Raw] | None = None
    welcome_message: str | None = None


class _Body(msgspec.Struct):
    run_input: _RunInput
    run_id: str | None = None


_decoder = msgspec.json.Decoder(_Body)


def read_body(body: bytes) -> Call:
    """Read a request body; raises Refusal (422) for what is no valid one."""
    read = _decode(body)
    given = read.run_input
    if not given.thread_to_node_inputs:
        raise invalid(("body", "run_input", "thread_to_node_inputs"), "at least one thread is needed")
    for field in ("dynamic_variables", "runtime_variables"):
        _check_values(getattr(given, field), ("body", "run_input", field))
    command = given.command or "start"
    if read.run_id is None and command in _NEEDS_RUN:
        raise invalid(("body", "run_id"), f"{command} needs a run_id", type="missing")
    return Call(
        run_id=None if read.run_id is None else read_run_id(read.run_id),
        command=command,
        text=_last_text(given.thread_to_node_inputs.get(MAIN_THREAD)),
        dynamic=given.dynamic_variables or {},
        runtime=given.runtime_variables or {},
    )


def read_workflow_id(text: str) -> str:
    """Check the path's workflow id (EXE-003)."""
    if not _HEX_ID.fullmatch(text):
        raise invalid(("path", "workflow_id"), "must match ^[0-9a-f]{24}$", type="string_pattern_mismatch")
    return text


def read_version(text: str | None) -> int | None:
    """Read the query's version: an integer >= 0, however large (VER-003)."""
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise invalid(("query", "version"), "must be an integer >= 0", type="int_parsing")
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) < len(str(MAX_INTEGER)) else MAX_INTEGER


def read_run_id(text: str, place: Place = ("body", "run_id")) -> ObjectId:
    """Check a run_id (RUN-006); upper case is read as lower case."""
    if not _HEX_ID.fullmatch(text.lower()):
        raise invalid(place, "must be 24 hexadecimal digits", type="string_pattern_mismatch")
    return ObjectId(text)


def _last_text(thread: _Thread | None) -> str | None:
    """Return the content of the last message that the thread brings (§4)."""
    messages = [message for given in (thread and thread.node_run_inputs) or () for message in given.messages or ()]
    if not messages:
        return None
    content = messages[-1].content
    return content if isinstance(content, str) else "".join(part.text for part in content or ())


def _decode(body: bytes) -> _Body:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except RecursionError:
        raise invalid(("body",), "nested too deeply", type="json_invalid") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(("body",), f"no valid JSON: {error}", type="json_invalid") from None


_WRONG = re.compile(r"(?P<message>.*?)(?: - at (?:key in )?`\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")


def _wrong_field(text: str) -> Refusal:
    """Turn the decoder's message into the field's place and the reason."""
    found = _WRONG.fullmatch(text)
    message, path = (found["message"], found["path"] or "") if found else (text, "")
    place: Place = ("body", *(_step(step) for step in _STEP.finditer(path)))
    if missing := _MISSING.fullmatch(message):
        return invalid((*place, missing[1]), "field required", type="missing")
    return invalid(place, message, type="enum" if message.startswith("Invalid enum") else "type_error")


def _step(found: re.Match[str]) -> str | int:
    name, index = found.groups()
    return name or (int(index) if index else "*")


def _check_values(values: object, place: Place) -> None:
    """Refuse variables that could not be sent back: nested too deeply, or integers beyond 64 bits."""
    if not values:
        return
    level: list[object] = [values]
    for _ in range(MAX_VARIABLE_DEPTH):
        if any(isinstance(value, int) and abs(value) > MAX_INTEGER for value in level):
            raise invalid(place, "an integer does not fit into 64 bits", type="int_parsing_size")
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise invalid(place, f"nested deeper than {MAX_VARIABLE_DEPTH}", type="recursion")


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
