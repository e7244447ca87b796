"""`wfconform provision`: make the fixture workflows on a deployment, see which behave as declared, write a target file.

What the platform's shape cannot say, a deployment may or may not do. So each workflow is made, tried and kept only if
its turns come to rest as its role declares; what is not kept is removed again and told with the reason.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wfconform.commands.outputs import try_writing, write_whole
from wfconform.commands.provision_deployment import (
    KEY_ENV,
    SECOND_KEY_ENV,
    Deployment,
    Json,
    NoAnswer,
    ProvisionCall,
    given_headers,
    key_in,
    reached,
    second_key,
)
from wfconform.commands.provision_fixtures import MARK, RESTS, fixture, is_ours, named
from wfconform.commands.provision_removal import remove
from wfconform.config import dumps, read_document
from wfconform.config.values import base_url, checked
from wfconform.errors import NotTestable, TargetError, UsageError
from wfconform.report.text import plain
from wfconform.requirements import ROLES
from wfconform.target import Input

SLOW_S = 0.9  # of the second that a turn of the role slow takes: clocks differ
_ENDED = frozenset({"completed", "failed", "cancelled", "aborted_looping_risk"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where workflows are made: base URL, headers and keys; second: None when there is no second tenant."""

    url: str
    headers: Mapping[str, str]
    first: str
    second: str | None


@dataclass(slots=True)
class _Provided:
    """What has been made, by role; said: why a role was not kept; second_workflow: of the second tenant."""

    made: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    promises: Json = field(default_factory=dict)
    second_workflow: str | None = None
    second_said: str = ""


def provision(call: ProvisionCall) -> int:
    """Make the workflows and write the target file, or remove what a target file names; returns the exit code."""
    return remove(call) if call.remove else _provide(call)


def _provide(call: ProvisionCall) -> int:
    place = _place(call)
    _refuse_to_replace(call.path)
    try_writing(call.path, option="--write-config")
    with reached(place.url, place.first, place.headers) as deployment:
        provided = _Provided(said={"versioned": "this API has no way to add a version"})
        try:
            _make_all(deployment, provided)
            _provide_second(place, provided)
            _write_or_take_back(call, place, provided)
        except BaseException:
            _take_back(deployment, provided.made)
            raise
    _tell(call, provided)
    return 0


def _place(call: ProvisionCall) -> _Place:
    """Check what the call says of the deployment; raises UsageError before anything is made."""
    if call.target is None:
        raise UsageError("TARGET is missing", hint="give the base URL: wfconform provision https://…")
    url = checked("TARGET", base_url, call.target)
    first = key_in(call.api_key_env or KEY_ENV)
    wanted = call.second_api_key_env or (SECOND_KEY_ENV if os.environ.get(SECOND_KEY_ENV) else None)
    return _Place(url, given_headers(call), first, None if wanted is None else second_key(wanted, first))


def _make_all(deployment: Deployment, provided: _Provided) -> None:
    for role in RESTS:
        provided.said[role] = _tried(deployment, role, provided.made)
    if "conversation" not in provided.made:
        raise NotTestable(f"the role conversation cannot be provided: {provided.said['conversation']}")
    provided.promises = _promises(deployment, provided.made["conversation"])


def _provide_second(place: _Place, provided: _Provided) -> None:
    """Make the conversation for the second tenant, which sees none of the first's workflows."""
    if place.second is None:
        provided.second_said = f"{SECOND_KEY_ENV} is not set"
        return
    made: dict[str, str] = {}
    with reached(place.url, place.second, place.headers) as deployment:
        try:
            provided.second_said = _tried(deployment, "conversation", made)
        except TargetError as error:
            _take_back(deployment, made)
            made.clear()
            provided.second_said = str(error)
        except BaseException:
            _take_back(deployment, made)
            raise
    provided.second_workflow = made.get("conversation")


def _write_or_take_back(call: ProvisionCall, place: _Place, provided: _Provided) -> None:
    """Write the target file; when that fails, remove what the second tenant was given."""
    try:
        _write(call, place, provided)
    except BaseException:
        if place.second is not None and provided.second_workflow is not None:
            with reached(place.url, place.second, place.headers) as deployment:
                _take_back(deployment, {"conversation": provided.second_workflow})
        raise


def _tried(deployment: Deployment, role: str, made: dict[str, str]) -> str:
    """Make a role's workflow and keep it if it behaves; return why it was not kept, "" when it was."""
    made[role] = id = _made(deployment, role)
    first = deployment.turn(id, Input().without_text())
    run_id, status = first.get("run_id"), first.get("status")
    wrong = (
        "" if status == RESTS[role] else f"its first turn came to rest as {plain(str(status))}, not as {RESTS[role]}"
    )
    if not wrong and role == "slow":
        wrong = _too_quick(deployment, id, str(run_id))
    if run_id is not None and status not in _ENDED:
        deployment.turn(id, {**Input().without_text(), "command": "stop"}, run_id)
    if wrong:
        del made[role]
        deployment.remove(id)
    return wrong


def _made(deployment: Deployment, role: str) -> str:
    """Make a role's workflow and return its id; one whose id was not heard is told, for nobody can take it back."""
    document = fixture(role)
    try:
        return deployment.make(document)
    except (KeyboardInterrupt, NoAnswer):
        sys.stderr.write(f"perhaps left behind: a workflow called {document['workflow_config']['name']!r}\n")
        raise


def _too_quick(deployment: Deployment, id: str, run_id: str) -> str:
    begun_s = time.monotonic()
    deployment.turn(id, Input().with_text("take your time"), run_id)
    took_s = time.monotonic() - begun_s
    return "" if took_s >= SLOW_S else f"a later turn took {took_s:.2f} s, not a second"


def _promises(deployment: Deployment, id: str) -> Json:
    """Find out whether the conversation repeats what it is told, and whether `goodbye` completes it."""
    run_id = deployment.turn(id, Input().without_text()).get("run_id")
    mark = "wfm-provision-7"
    said = deployment.turn(id, Input().with_text(mark), run_id)
    spoken = [event.get("content") for event in said.get("events", []) if event.get("type") == "assistant_response"]
    ended = deployment.turn(id, Input().with_text("goodbye"), run_id).get("status") == "completed"
    if not ended:
        deployment.turn(id, {**Input().without_text(), "command": "stop"}, run_id)
    return {**({"conversation_end": "goodbye"} if ended else {}), "echoes": mark in spoken}


def _write(call: ProvisionCall, place: _Place, provided: _Provided) -> None:
    document = {
        "target": {
            "name": "provisioned",
            "base_url": place.url,
            "api_key_env": call.api_key_env or KEY_ENV,
            "second_api_key_env": call.second_api_key_env if provided.second_workflow else None,
            "second_workflow": provided.second_workflow,
        },
        "workflows": {**provided.made, **provided.promises},
    }
    text = f"{MARK}; `wfconform provision --remove` takes these workflows away.\n\n{dumps(document)}"
    write_whole(call.path, text, option="--write-config")


def _tell(call: ProvisionCall, provided: _Provided) -> None:
    ids = {**provided.made, **({"second tenant": provided.second_workflow} if provided.second_workflow else {})}
    said = {**provided.said, "second tenant": provided.second_said}
    lines = [
        f"{role:<14} {ids[role]}" if role in ids else f"{role:<14} not configured: {said[role]}"
        for role in (*ROLES, "second tenant")
    ]
    if "conversation_end" not in provided.promises:
        lines.append("conversation_end not configured: `goodbye` did not complete the conversation")
    if not provided.promises["echoes"]:
        lines.append("echoes         not configured: the conversation did not repeat what it was told")
    if call.headers:
        lines.append("headers        not written: they may be secrets; give -H again, or add them to the file")
    lines.append(f"{call.path} is written; next: wfconform check --config {call.path}")
    sys.stdout.write("\n".join(lines) + "\n")


def _take_back(deployment: Deployment, made: Mapping[str, str]) -> None:
    for id in made.values():
        try:
            deployment.remove(id)
        except TargetError as error:
            sys.stderr.write(f"left behind: {id}: {error}\n")


def _refuse_to_replace(path: Path) -> None:
    """Refuse to write over somebody's file, or over the only place where the ids of workflows are written."""
    if not path.is_file():
        return
    if not is_ours(path):
        raise UsageError(
            f"{path} exists, and `wfconform provision` did not write it",
            hint="choose another path with --write-config, or remove the file",
        )
    document = read_document(path)
    if named(document) or document.target.second_workflow is not None:
        raise UsageError(
            f"already provisioned: {path} names the workflows",
            hint="`wfconform provision --remove` first, or choose another path with --write-config",
        )
