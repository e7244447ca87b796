"""The first calls: is this the endpoint, with this key and this workflow? At most four round trips."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wfconform.outcomes import Problem
from wfconform.scenarios import Client, Send
from wfconform.session import Answer, Kind, Lenient, NotProcessed, Refused, Unreadable
from wfconform.target import Target
from wfconform.wire import Credential, Exchange, Failure, reply_to

Deliver = Callable[[Send], Awaitable[Exchange]]

_KEY_HINT = "check the key in the variable that api_key_env names, and the headers that the deployment wants"
_NO_KEY_HINT = 'give it one: auth = "bearer" and api_key_env in the target file, api_key= in Python'
_URL_HINT = "base_url is what stands before /v1/workflows/…, with its path prefix if there is one"
_ROLE_HINT = "set workflows.conversation in the target file, or --workflow conversation=ID; is base_url whole?"


@dataclass(frozen=True, slots=True)
class Verdictless(Problem):
    """The target may well conform: what was called is not it, or not as described. Nothing is held against it."""


async def preflight(target: Target, client: Client, deliver: Deliver) -> Problem | None:
    """Open a session and stop it; return why nothing can be tested, None when all is well."""
    session = client.session()
    first = await deliver(session.start())
    reply = reply_to(first)
    if isinstance(reply, Answer):
        if session.live:
            await deliver(session.stop())
        return None
    if first.status in (401, 403):
        keyless = target.access.auth == "none" or target.access.api_key is None
        said = "the target wants a key, and none was sent" if keyless else "the target refuses the key"
        return Verdictless(3, f"{said} ({first.status})", _NO_KEY_HINT if keyless else _KEY_HINT)
    if isinstance(reply, NotProcessed):
        return Verdictless(3, f"the target kept answering {first.status} to a first turn", "try again later")
    if first.failure is not None:
        return await _no_answer(target, client, deliver, first)
    if isinstance(reply, Unreadable) and 300 <= reply.http_status < 400:
        where = first.header("location") or "nowhere"
        return Verdictless(
            3, f"the target redirects ({first.status}) to {where[:200]}", f"give the final URL: {_URL_HINT}"
        )
    if _is_html(first) or first.status in (404, 405, 410):
        return await _wrong_place(target, client, deliver, first)
    return Problem(3, f"a valid first turn of the role conversation was answered {first.status}", _ROLE_HINT)


async def _no_answer(target: Target, client: Client, deliver: Deliver, exchange: Exchange) -> Problem:
    url = target.access.base_url
    if exchange.failure is Failure.NOT_SENT:
        return Verdictless(3, f"{url} cannot be reached: {exchange.detail}", reaching_hint(exchange.detail))
    said = f"{exchange.failure}: {exchange.detail}"
    if exchange.status is None and exchange.failure in (Failure.TORN, Failure.NOT_HTTP):
        get = client.session().send(Kind.OTHER, None, intent=Lenient(), method="GET")
        if (await deliver(get)).status is None:
            return Verdictless(3, f"what listens at {url} speaks no HTTP ({said})", "is it https:// (or http://)?")
    return Problem(3, f"{url} gave no complete answer to a first turn: {said}")


_NO_TLS = ("wrong version number", "record layer failure", "http request", "packet length too long")


def reaching_hint(detail: str) -> str:
    """Return what to look at when a connection could not be made; detail: the error's text."""
    lowered = detail.lower().replace("_", " ")
    if any(said in lowered for said in _NO_TLS):
        return "what listens there does not speak TLS: is it http://, or another port?"
    if "certificate" in lowered or "ssl" in lowered or "tls" in lowered:
        return "check the scheme and the certificate; --insecure tests without verifying it"
    if "name" in lowered or "resolve" in lowered or "getaddrinfo" in lowered:
        return "check the host name in base_url"
    return "is the server running, on that host and port?"


async def _wrong_place(target: Target, client: Client, deliver: Deliver, first: Exchange) -> Problem:
    """Tell a base URL that leads elsewhere from a workflow id that the endpoint does not know."""
    shown = f"{first.status}{' with an HTML page' if _is_html(first) else ''}"
    url = target.access.base_url
    if await _is_the_endpoint(target, client, deliver, first):
        id = target.workflows.conversation
        return Verdictless(
            3, f"the endpoint does not know the workflow {id} of the role conversation ({shown})", _ROLE_HINT
        )
    return Verdictless(3, f"the execute endpoint is not at {url} (a first turn was answered {shown})", _URL_HINT)


async def _is_the_endpoint(target: Target, client: Client, deliver: Deliver, first: Exchange) -> bool:
    """An endpoint refuses a malformed id, or a missing key, in another way than an unknown workflow."""
    if _is_html(first):
        return False
    session = client.session()
    if target.access.auth != "none":
        keyless = session.start(intent=Refused(), expects=()).but(credential=Credential.NONE)
        answered = await deliver(keyless)
        if answered.status in (401, 403):
            return True
    path = "/v1/workflows/zzz/execute"
    malformed = session.start(intent=Refused(), expects=()).but(path=path, kind=Kind.OTHER, probes_endpoint=False)
    answered = await deliver(malformed)
    return answered.status in (400, 422)


def _is_html(exchange: Exchange) -> bool:
    kind = (exchange.header("content-type") or "").lower()
    return "html" in kind or exchange.body.lstrip()[:1] == b"<"
