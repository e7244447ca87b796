"""`wfconform provision`: make the fixture workflows on a deployment, see which behave as declared, write a target file.

What the platform's shape cannot say, a deployment may or may not do. So each workflow is made, tried and kept only if
its turns come to rest as its role declares; what is not kept is removed again and told with the reason.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from wfconform.commands.outputs import try_writing, write_whole
from wfconform.config import dumps, read_document
from wfconform.config.values import base_url, checked, env_name, header_name, header_value, key_value
from wfconform.errors import NotTestable, TargetError, UsageError
from wfconform.report.text import plain
from wfconform.requirements import ROLES
from wfconform.shipped import read_contract
from wfconform.target import Input

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
SLOW_S = 0.9  # of the second that a turn of the role slow takes: clocks differ
_MADE_FOR_REFERENCE = ("workflow_id", "version", "active")
_ENDED = frozenset({"completed", "failed", "cancelled", "aborted_looping_risk"})
_TIMEOUT_S = 30.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProvisionCall:
    """What the command line asks for. path: the target file that is written, or with `remove` read."""

    target: str
    path: Path
    api_key_env: str = "WFCONFORM_API_KEY"
    headers: tuple[str, ...] = ()
    remove: bool = False


class Deployment:
    """A deployment that has the workflow API; raises NotTestable for one that has not, TargetError for what fails."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def make(self, document: Json) -> str:
        """Make a workflow and return its id."""
        answer = self._ask("POST", "/v1/workflows", document, missing="POST /v1/workflows")
        id = answer.get("id") or answer.get("_id") or answer.get("workflow_id")
        if not isinstance(id, str):
            raise NotTestable("the deployment made a workflow and did not say its id")
        return id

    def name_of(self, id: str) -> str | None:
        """Return a workflow's name, None when it is not there."""
        response = self._send("GET", f"/v1/workflows/{id}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(_read(response).get("name", ""))

    def remove(self, id: str) -> None:
        """Remove a workflow; one that is gone is no error."""
        response = self._send("DELETE", f"/v1/workflows/{id}")
        if response.status_code != httpx.codes.NOT_FOUND and not response.is_success:
            raise TargetError(f"the workflow {id} could not be removed ({response.status_code})")

    def turn(self, id: str, run_input: Json, run_id: str | None = None) -> Json:
        """Take a turn; {} when it is not answered with 200."""
        body = {"run_input": run_input} if run_id is None else {"run_id": run_id, "run_input": run_input}
        response = self._send("POST", f"/v1/workflows/{id}/execute", body)
        return _read(response) if response.status_code == httpx.codes.OK else {}

    def _ask(self, method: str, path: str, body: Json, *, missing: str) -> Json:
        response = self._send(method, path, body)
        if response.status_code in (404, 405, 501):
            raise NotTestable(
                f"this deployment has no {missing} ({response.status_code})",
                hint="make the workflows by hand (contracts/workflows) and write the target file with `wfconform init`",
            )
        if response.status_code in (401, 403):
            raise NotTestable(f"the deployment refuses the key ({response.status_code})", hint="check the key")
        if not response.is_success:
            raise TargetError(f"{method} {path} was answered {response.status_code}: {plain(response.text[:300])}")
        return _read(response)

    def _send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise TargetError(f"the deployment gave no answer: {error or type(error).__name__}") from None


def provision(call: ProvisionCall) -> int:
    """Make the workflows and write the target file, or remove what a target file names; returns the exit code."""
    with _reached(call) as deployment:
        return _remove(call, deployment) if call.remove else _provide(call, deployment)


def fixture(role: str) -> Json:
    """Return the shipped workflow of a role, under a name of ours and without what names it for the reference."""
    document: Json = json.loads(read_contract("workflows", f"{role}.json"))
    config = document["workflow_config"]
    config["name"] = PREFIX + role
    script = config.get("miscellaneous", {}).get("reference", {})
    kept = {key: value for key, value in script.items() if key not in _MADE_FOR_REFERENCE}
    config["miscellaneous"] = {"reference": kept} if kept else {}
    return document


def _provide(call: ProvisionCall, deployment: Deployment) -> int:
    _refuse_foreign(call.path)
    try_writing(call.path, option="--write-config")
    made: dict[str, str] = {}
    try:
        said = {role: _tried(deployment, role, made) for role in RESTS}
        if "conversation" not in made:
            raise NotTestable(f"the role conversation cannot be provided: {said['conversation']}")
        promises = _promises(deployment, made["conversation"])
        _write(call, made, promises)
    except BaseException:
        for id in made.values():
            _try_to_remove(deployment, id)
        raise
    _tell(call, made, {**said, "versioned": "this API has no way to add a version"}, promises)
    return 0


def _tried(deployment: Deployment, role: str, made: dict[str, str]) -> str:
    """Make a role's workflow and keep it if it behaves; return why it was not kept, "" when it was."""
    made[role] = id = deployment.make(fixture(role))
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


def _write(call: ProvisionCall, made: Mapping[str, str], promises: Json) -> None:
    document = {
        "target": {"name": "provisioned", "base_url": call.target.rstrip("/"), "api_key_env": call.api_key_env},
        "workflows": {**made, **promises},
    }
    text = f"{MARK}; `wfconform provision --remove` takes these workflows away.\n\n{dumps(document)}"
    write_whole(call.path, text, option="--write-config")


def _tell(call: ProvisionCall, made: Mapping[str, str], said: Mapping[str, str], promises: Json) -> None:
    lines = [
        f"{role:<14} {made[role]}" if role in made else f"{role:<14} not configured: {said[role]}" for role in ROLES
    ]
    if "conversation_end" not in promises:
        lines.append("conversation_end not configured: `goodbye` did not complete the conversation")
    if not promises["echoes"]:
        lines.append("echoes         not configured: the conversation did not repeat what it was told")
    if call.headers:
        lines.append("headers        not written: they may be secrets; give -H again, or add them to the file")
    lines.append(f"{call.path} is written; next: wfconform check --config {call.path}")
    sys.stdout.write("\n".join(lines) + "\n")


def _remove(call: ProvisionCall, deployment: Deployment) -> int:
    """Remove the workflows that a target file names, if their names are ours; and the file, if it is ours."""
    flows = read_document(call.path).workflows
    kept = 0
    for role in RESTS:
        id = getattr(flows, role)
        name = None if id is None else deployment.name_of(id)
        if name is None:
            continue
        if name == PREFIX + role:
            deployment.remove(id)
            sys.stdout.write(f"{role:<14} {id} removed\n")
        else:
            kept += 1
            sys.stdout.write(f"{role:<14} {id} kept: it is called {plain(name)!r}, which provision did not make\n")
    if not kept and call.path.read_bytes().startswith(MARK.encode()):
        call.path.unlink()
        sys.stdout.write(f"{call.path} removed\n")
    return 0


def _try_to_remove(deployment: Deployment, id: str) -> None:
    try:
        deployment.remove(id)
    except TargetError as error:
        sys.stderr.write(f"left behind: {error}\n")


def _read(response: httpx.Response) -> Json:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NotTestable(f"{response.request.method} {response.request.url.path} was answered without a JSON object")
    return answer


def _refuse_foreign(path: Path) -> None:
    if path.is_file() and not path.read_bytes().startswith(MARK.encode()):
        raise UsageError(
            f"{path} exists, and `wfconform provision` did not write it",
            hint="choose another path with --write-config, or remove the file",
        )


@contextmanager
def _reached(call: ProvisionCall) -> Iterator[Deployment]:
    url = checked("TARGET", base_url, call.target)
    name = checked("--api-key-env", env_name, call.api_key_env)
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name} is not set", hint=f"export {name}=<the key>")
    key = checked(f"environment variable {name}", key_value, os.environ[name])
    headers = {"authorization": f"Bearer {key}"}
    for item in call.headers:
        header, colon, value = item.partition(":")
        if not colon:
            raise UsageError("--header: must be written as name:value", hint="for example -H teamid:t1")
        headers[checked("--header", header_name, header.strip())] = checked("--header", header_value, value.strip())
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S) as client:
        yield Deployment(client)
