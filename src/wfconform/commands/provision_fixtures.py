"""What `wfconform provision` makes: a workflow for each role, and the mark of the file that names them."""

import json
from pathlib import Path
from typing import Any

from wfconform.config import Document
from wfconform.shipped import read_contract

PREFIX = "wfconform "  # of the names of what is made, so that nothing else is ever removed
MARK = "# Written by `wfconform provision`"
RESTS = {
    "conversation": "waiting_for_user_input",
    "completes": "completed",
    "fails": "failed",
    "loops": "aborted_looping_risk",
    "pauses": "paused",
    "slow": "waiting_for_user_input",
}
_MADE_FOR_REFERENCE = ("workflow_id", "version", "active")


def fixture(role: str) -> dict[str, Any]:
    """Return the shipped workflow of a role, under a name of ours and without what names it for the reference."""
    document: dict[str, Any] = json.loads(read_contract("workflows", f"{role}.json"))
    config = document["workflow_config"]
    config["name"] = PREFIX + role
    script = config.get("miscellaneous", {}).get("reference", {})
    kept = {key: value for key, value in script.items() if key not in _MADE_FOR_REFERENCE}
    config["miscellaneous"] = {"reference": kept} if kept else {}
    return document


def is_ours(path: Path) -> bool:
    """Tell whether `wfconform provision` wrote the file."""
    return path.is_file() and path.read_bytes().startswith(MARK.encode())


def named(document: Document) -> dict[str, str]:
    """Return the workflow id of each role that the file gives to the first tenant and that can be provided."""
    ids = {role: getattr(document.workflows, role) for role in RESTS}
    return {role: id for role, id in ids.items() if id is not None}
