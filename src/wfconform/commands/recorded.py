"""Reports that a command reads back: one `wfconform check --json` (or load) wrote, else a UsageError."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wfconform.errors import UsageError
from wfconform.report.json import Report

LARGEST = 256 * 1024 * 1024  # bytes; no report comes near
_HINT = "give a file that `wfconform check --json PATH` or `wfconform load --json PATH` wrote"


@dataclass(frozen=True, slots=True)
class RecordedReport:
    """A report; load: its part about a load run, as it is in the file, empty when there was none."""

    path: Path
    report: Report
    load: dict[str, Any]


def read_report(path: Path) -> RecordedReport:
    """Read a JSON report; raises UsageError for what is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is too large for a report", hint=_HINT)
        content = path.read_bytes()
        report = Report.model_validate_json(content)
        load = json.loads(content).get("load")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=_HINT) from None
    except (ValidationError, ValueError, RecursionError):
        if _is_of_capacity(content):
            raise UsageError(
                f"{path} is a report of `wfconform capacity`: nothing compares those", hint=_HINT
            ) from None
        raise UsageError(f"{path} is no report of this program", hint=_HINT) from None
    return RecordedReport(path, report, load if isinstance(load, dict) else {})


def _is_of_capacity(content: bytes) -> bool:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "capacity" in found
