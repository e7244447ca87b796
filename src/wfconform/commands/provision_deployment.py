"""How `wfconform provision` reaches a deployment: the workflow API, with the key of one tenant."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from wfconform.config.values import checked, env_name, header_name, header_value, key_value
from wfconform.conformance.preflight import reaching_hint
from wfconform.errors import NotTestable, TargetError, UsageError
from wfconform.report.text import plain
from wfconform.wire.decode import epoch
from wfconform.wire.retrying import retry_after_s

KEY_ENV = "WFCONFORM_API_KEY"
SECOND_KEY_ENV = "WFCONFORM_SECOND_API_KEY"
_TIMEOUT_S = 30.0
PATIENCE_S = 30.0
_UNTOLD_S, _LEAST_S = 0.5, 0.1
_NOT_PROCESSED = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProvisionCall:
    """What the command line asks for; None: not said. path: the target file that is written, or with `remove` read."""

    target: str | None
    path: Path
    api_key_env: str | None = None
    second_api_key_env: str | None = None
    headers: tuple[str, ...] = ()
    remove: bool = False


class Unreachable(TargetError):
    """No connection could be made: what follows would not fare better."""


class NoAnswer(TargetError):
    """A call was sent and no answer came: nobody knows what became of it."""


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
        if not response.is_success:
            raise TargetError(f"it cannot be looked at ({response.status_code})")
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
        """Send a call; send it again, for a while, when the deployment says that it did not process it (§10)."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                response = self._client.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise self._no_answer(error) from None
            wait_s = _wait_s(response)
            if wait_s is None or time.monotonic() + wait_s > until_s:
                return response
            time.sleep(wait_s)

    def _no_answer(self, error: httpx.HTTPError) -> TargetError:
        said = plain(str(error)) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):  # the words of `wfconform check`
            url = str(self._client.base_url).rstrip("/")
            return Unreachable(f"{url} cannot be reached: {said}", hint=reaching_hint(said))
        return NoAnswer(f"the deployment gave no answer: {said}")


@contextmanager
def reached(url: str, key: str, headers: Mapping[str, str]) -> Iterator[Deployment]:
    """Give the deployment as the tenant of that key sees it."""
    sent = {**headers, "authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=sent, timeout=_TIMEOUT_S) as client:
        yield Deployment(client)


def key_in(name: str, *, option: str = "--api-key-env") -> str:
    """Return the key that the variable holds; raises UsageError when it is not set."""
    checked(option, env_name, name)
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name} is not set", hint=f"export {name}=<the key>")
    return checked(f"environment variable {name}", key_value, os.environ[name])


def second_key(name: str, first: str) -> str:
    """Return the second tenant's key; raises UsageError when it is not set, or is the first tenant's."""
    key = key_in(name, option="--second-api-key-env")
    if key == first:
        raise UsageError("the second API key is the same as the first", hint="it must belong to another tenant")
    return key


def given_headers(call: ProvisionCall) -> dict[str, str]:
    """Return the headers of the command line; raises UsageError for one that cannot be sent."""
    headers = {}
    for item in call.headers:
        name, colon, value = item.partition(":")
        if not colon:
            raise UsageError("--header: must be written as name:value", hint="for example -H teamid:t1")
        headers[checked("--header", header_name, name.strip())] = checked("--header", header_value, value.strip())
    return headers


def _wait_s(response: httpx.Response) -> float | None:
    """Return how long to wait before the same call may be sent again; None: it was processed, or nobody knows."""
    if response.status_code not in _NOT_PROCESSED:
        return None
    told = response.headers.get("retry-after")
    if told is None:
        return _UNTOLD_S if response.status_code == httpx.codes.TOO_MANY_REQUESTS else None
    now = epoch(response.headers.get("date")) or time.time()
    told_s = retry_after_s(told, now)
    return _UNTOLD_S if told_s is None else max(_LEAST_S, told_s)


def _read(response: httpx.Response) -> Json:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NotTestable(f"{response.request.method} {response.request.url.path} was answered without a JSON object")
    return answer
