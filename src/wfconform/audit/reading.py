"""A file of recorded traffic to calls: a HAR archive, or a line of JSON for each call (docs/audit.md)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wfconform.audit.har import har_call
from wfconform.audit.ndjson import line_call
from wfconform.audit.recording import Call, Recording
from wfconform.errors import UsageError

LARGEST_BYTES = 512 * 1024 * 1024
_HINT = "a HAR file, or one JSON object a line: docs/audit.md says which fields"


def read_recording(path: Path) -> Recording:
    """Read a recording; raises UsageError, with the place, for a file that is none."""
    text = _text(path)
    whole = _har(text, path)
    recording = Recording()
    if whole is not None:
        for number, entry in enumerate(whole, 1):
            _take(recording, har_call, entry, f"entry {number}")
        return recording
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            _take(recording, line_call, _parsed(line, path, f"line {number}"), f"line {number}")
    if not recording.entries:
        raise UsageError(f"{path} is empty", hint=_HINT)
    return recording


def _take(recording: Recording, read: Callable[[Any, str], Call | str], entry: Any, where: str) -> None:
    recording.entries += 1
    found = read(entry, where)
    if isinstance(found, Call):
        recording.calls.append(found)
    else:
        recording.passed_over[found] += 1


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise UsageError(f"{path} is no file", hint=_HINT)
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is larger than {LARGEST_BYTES >> 20} MiB", hint="split it by session or by time")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=_HINT) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start})", hint=_HINT) from None


def _har(text: str, path: Path) -> list[Any] | None:
    """Return the entries of a HAR file, None when the text is lines of JSON."""
    first = text.lstrip().partition("\n")[0].strip()
    if path.suffix.lower() in (".ndjson", ".jsonl") or (path.suffix.lower() != ".har" and _is_call(first)):
        return None
    whole = _parsed(text, path, "")
    log = whole.get("log") if isinstance(whole, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise UsageError(f"{path} is JSON, but has no log.entries as a HAR file has", hint=_HINT)
    return entries


def _is_call(line: str) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "log" not in value


def _parsed(text: str, path: Path, where: str) -> Any:
    place = f"{path}, {where}" if where else str(path)
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise UsageError(f"{place}: nested too deeply", hint=_HINT) from None
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if where else f"line {error.lineno} column {error.colno}"
        raise UsageError(f"{place}: is no JSON: {error.msg} at {at}", hint=_HINT) from None
    except ValueError as error:
        raise UsageError(f"{place}: is no JSON: {str(error)[:100]}", hint=_HINT) from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
