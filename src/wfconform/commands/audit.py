"""`wfconform audit`: recorded traffic, judged; nothing is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from wfconform.audit.exchanges import seen
from wfconform.audit.judging import OVERLAP_S, Judged, Session, Violation, judge
from wfconform.audit.reading import read_recording
from wfconform.audit.recording import Recording
from wfconform.commands.outputs import STDOUT, try_writing, write_whole
from wfconform.commands.terminal import stderr_console, stdout_console
from wfconform.redactor import Redactor
from wfconform.report.text import clipped, plain
from wfconform.requirements import Level, catalogue

KEPT, BROKEN, NOTHING_JUDGED = 0, 1, 3
_SESSIONS_SHOWN, _TEXT_LIMIT = 50, 400


@dataclass(frozen=True, slots=True)
class AuditCall:
    """What the command line asks for; slack_s: how far the recording's clocks may be apart."""

    file: Path
    json: str | None = None
    strict: bool = False
    slack_s: float = OVERLAP_S
    quiet: bool = False
    no_color: bool = False


def audit(call: AuditCall) -> int:
    """Judge a recording; returns 0, 1 when a session broke a MUST (strict: or a SHOULD), 3 with nothing to judge."""
    if call.json is not None and call.json != STDOUT:
        try_writing(Path(call.json), option="--json")
    recording = read_recording(call.file)
    found = [one for one in map(seen, recording.calls) if one is not None]
    judged = judge(found, slack_s=call.slack_s)
    redact = Redactor(secret for one in recording.calls for secret in one.secrets)
    code = _exit_code(judged, strict=call.strict)
    if call.json is not None:
        _write(call.json, redact(json.dumps(_described(judged, recording, code), ensure_ascii=False, indent=2)) + "\n")
    make = stderr_console if call.json == STDOUT else stdout_console
    _show(judged, recording, make(no_color=call.no_color), redact, code=code, quiet=call.quiet)
    return code


def _exit_code(judged: Judged, *, strict: bool) -> int:
    broken = {violation.id for session in judged.sessions for violation in session.explained}
    if any(strict or catalogue()[id].level is Level.MUST for id in broken):
        return BROKEN
    return KEPT if judged.exercised else NOTHING_JUDGED


def _write(place: str, text: str) -> None:
    if place == STDOUT:
        print(text, end="")  # noqa: T201 - the report itself
    else:
        write_whole(Path(place), text, option="--json")


def _show(judged: Judged, recording: Recording, console: Console, redact: Redactor, *, code: int, quiet: bool) -> None:
    broken = [session for session in judged.sessions if session.violations]
    if not quiet:
        for session in broken[:_SESSIONS_SHOWN]:
            _show_session(session, console, redact)
        if len(broken) > _SESSIONS_SHOWN:
            more = _counted(len(broken) - _SESSIONS_SHOWN, "more session")
            console.print(Text(f"and {more}; --json PATH has them all"))
        for line in _facts(judged, recording):
            console.print(Text(redact(plain(line)), style="dim"), soft_wrap=True)
    whole = sum(session.from_start for session in judged.sessions)
    words = {KEPT: "NOTHING BROKEN", BROKEN: "BROKEN", NOTHING_JUDGED: "NOTHING TO JUDGE"}[code]
    sessions = _counted(len(judged.sessions), "session")
    musts = sum(any(catalogue()[one.id].level is Level.MUST for one in session.explained) for session in broken)
    said = f"{words}: {musts} of {sessions} broke a MUST, {len(broken) - musts} a SHOULD alone"
    said = f"{said}; {whole} seen from the first turn"
    console.print(Text(f"{said} (exit {code})", style="bold red" if code else "bold green"), soft_wrap=True)


def _show_session(session: Session, console: Console, redact: Redactor) -> None:
    calls = _counted(session.calls, "call")
    head = f"session {session.run_id} of workflow {session.workflow_id} at {session.base_url}, {calls}"
    console.print(Text(redact(plain(head)), style="bold"), soft_wrap=True)
    for one in session.explained:
        requirement = catalogue()[one.id]
        line = Text(f"  {one.id} ", style="red" if requirement.level is Level.MUST else "yellow")
        line.append(f"({requirement.level.value}, {requirement.clause}) {one.where}: ", style="default")
        line.append(clipped(redact(_sentence(one)), _TEXT_LIMIT), style="default")
        console.print(line, soft_wrap=True)


def _sentence(one: Violation) -> str:
    place = f" at {one.broken.path}" if one.broken.path else ""
    return f"{catalogue()[one.id].statement}: expected {one.broken.expected}, got {one.broken.actual}{place}"


def _facts(judged: Judged, recording: Recording) -> list[str]:
    entries = _counted(recording.entries, "entry", "entries")
    facts = [f"{_counted(judged.calls, 'call')} of the endpoint among {entries}"]
    for reason, number in recording.passed_over.items():
        facts.append(f"{_counted(number, 'entry', 'entries')} passed over: {reason}")
    facts += [f"{_counted(judged.lost, 'call')} whose answer says nothing"] if judged.lost else []
    facts += [f"{_counted(judged.repeats, 'call')} recorded twice, judged once"] if judged.repeats else []
    ids = ", ".join(id for id in catalogue() if id in judged.exercised)
    return [*facts, f"judged: {ids}"] if ids else facts


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"


def _described(judged: Judged, recording: Recording, code: int) -> Mapping[str, Any]:
    return {
        "schema_version": "1",
        "exit_code": code,
        "entries": recording.entries,
        "calls": judged.calls,
        "lost": judged.lost,
        "repeats": judged.repeats,
        "passed_over": dict(recording.passed_over),
        "exercised": {id: judged.exercised[id] for id in catalogue() if id in judged.exercised},
        "sessions": [_session(session) for session in judged.sessions],
    }


def _session(session: Session) -> Mapping[str, Any]:
    return {
        "run_id": session.run_id,
        "base_url": session.base_url,
        "workflow_id": session.workflow_id,
        "from_start": session.from_start,
        "calls": session.calls,
        "violations": [
            {
                "id": one.id,
                "level": catalogue()[one.id].level.value,
                "where": one.where,
                "expected": one.broken.expected,
                "actual": one.broken.actual,
                "path": one.broken.path,
            }
            for one in session.explained
        ],
    }
