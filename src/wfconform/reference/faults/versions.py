"""Faults in versions: VER."""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs

from wfconform.reference.calls import Call, Handler, Reply
from wfconform.reference.faults.fault import ROLES, Fault, fault
from wfconform.reference.faults.requests import crashes
from wfconform.reference.parts import Change, Parts, calls, remembering, stored
from wfconform.reference.records import Record

_ACTIVE = 1


def _version(call: Call) -> str | None:
    given = parse_qs(call.query, keep_blank_values=True).get("version")
    return given[-1] if given else None


def _command(call: Call) -> str | None:
    return call.command


def _asks_for(pattern: str) -> Callable[[Call], bool]:
    """Pick out first turns whose version looks like this."""
    return lambda call: call.opens and re.fullmatch(pattern, _version(call) or "") is not None


def _versioned(call: Call) -> bool:
    return call.workflow_id == ROLES["versioned"]


def _with_version(number: int | None) -> Callable[[Call], Call]:
    query = "" if number is None else f"version={number}"
    return lambda call: call.but(query=query)


Asked = Callable[[Call], str | None]


def _later_turns_run(choose: Callable[[Record, str | None], int], asks: Asked = _version) -> Change:
    """Let later turns of the versioned workflow run another version than the first turn chose."""

    def change(parts: Parts) -> Parts:
        asked: dict[str, str | None] = {}

        def read(record: Record) -> Record:
            if record.workflow_id != ROLES["versioned"]:
                return record
            return replace(record, version_number=choose(record, asked.get(str(record.id))))

        async def layer(call: Call, go: Handler) -> Reply:
            asked[call.run_id or ""] = asks(call)
            return await go(call)

        return remembering(lambda: layer)(stored(read=read)(parts))

    return change


def _the_one_asked_for(record: Record, asked: str | None) -> int:
    return int(asked) if asked in ("0", "1") else record.version_number


_OVERTAKEN_BY = 3


def _of_the_last_session(parts: Parts) -> Parts:
    """Run the version that was chosen last in a session that several others overtook before its second turn."""
    chosen: list[int] = []
    place: dict[str, int] = {}

    def write(record: Record) -> Record:
        if record.workflow_id == ROLES["versioned"] and str(record.id) not in place:
            chosen.append(record.version_number)
            place[str(record.id)] = len(chosen)
        return record

    def read(record: Record) -> Record:
        overtaken = record.turn_number == 1 and len(chosen) - place.get(str(record.id), len(chosen)) >= _OVERTAKEN_BY
        return replace(record, version_number=chosen[-1]) if overtaken else record

    return stored(read=read, write=write)(parts)


def _body_zero(call: Call) -> bool:
    return _versioned(call) and call.opens and call.run_input.get("version_number") == 0


def _as_versioned_zero(call: Call) -> bool:
    return _versioned(call) and call.opens and _version(call) is None


FAULTS: tuple[Fault, ...] = (
    fault(
        "version-zero-is-absent",
        "Version 0 is taken for no version.",
        calls(_with_version(None), _asks_for("0")),
        "VER-001",
    ),
    fault(
        "always-the-active-version",
        "A version that exists is looked up, and the active one is run.",
        calls(_with_version(_ACTIVE), _asks_for("[01]")),
        "VER-001",
    ),
    fault(
        "later-version-wins",
        "A later turn runs the version that it asks for.",
        _later_turns_run(_the_one_asked_for),
        "VER-002",
    ),
    fault(
        "later-turns-are-active",
        "Later turns run the active version.",
        _later_turns_run(lambda _, __: _ACTIVE),
        "VER-002",
    ),
    fault(
        "data-runs-the-active-version",
        "A later turn with the command data runs the active version.",
        _later_turns_run(lambda run, command: _ACTIVE if command == "data" else run.version_number, _command),
        "VER-002",
    ),
    fault(
        "version-lost-at-turn-8",
        "From turn 8 on the active version runs.",
        _later_turns_run(lambda run, _: _ACTIVE if run.turn_number >= 7 else run.version_number),
        "VER-002",
    ),
    fault(
        "negative-is-active",
        "A negative version is the active one.",
        calls(_with_version(None), _asks_for(r"-\d+")),
        "VER-003",
    ),
    fault(
        "fractions-are-cut",
        "A fraction is cut to the integer below.",
        calls(_with_version(None), _asks_for(r"\d+\.\d+")),
        "VER-003",
    ),
    fault(
        "words-are-no-version",
        "A version that is no number is overlooked.",
        calls(_with_version(None), _asks_for("[a-z]+")),
        "VER-003",
    ),
    fault(
        "unknown-version-is-active",
        "A version that does not exist falls back to the active one.",
        calls(_with_version(None), lambda call: _versioned(call) and _asks_for(r"\d{4}")(call)),
        "VER-003",
    ),
    fault(
        "unknown-version-crashes",
        "A version that does not exist is a 500.",
        crashes(lambda call: _versioned(call) and _asks_for(r"\d{4}")(call)),
        "VER-003",
        "EXE-008",
    ),
    fault(
        "absent-version-is-zero",
        "Without a version, version 0 runs.",
        calls(_with_version(0), _as_versioned_zero),
        "VER-004",
    ),
    fault(
        "body-version-selects",
        "run_input.version_number selects the version when the query does not.",
        calls(_with_version(0), lambda call: _body_zero(call) and _version(call) is None),
        "VER-005",
    ),
    fault(
        "body-version-wins",
        "run_input.version_number wins over the query.",
        calls(_with_version(0), _body_zero),
        "VER-001",
        "VER-005",
    ),
    fault(
        "version-of-the-last-session",
        "A session that three others overtake before its second turn runs the version of the last of them.",
        _of_the_last_session,
        "VER-006",
    ),
)
