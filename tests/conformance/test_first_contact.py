"""What the suite says when the target is not what it was said to be: no verdict, and why."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.conformance.zoo import reported, target_of
from tests.servers.conforming import CONFORMING
from tests.servers.spec import SpecServer

from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.reference import serving
from wfconform.target import Secret, Target


def check(target: Target, app: ASGIApp | None = None, **options: str) -> Run:
    return asyncio.run(run_check(target, CheckOptions(**options), app=app))  # type: ignore[arg-type]


def answering(response: Response) -> ASGIApp:
    async def answer(request: Request) -> Response:
        return response

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])])


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_closed_port_is_unreachable_within_a_second() -> None:
    """Nothing listens: exit 3, said in under a second, nothing failed."""
    with closed_port() as port:
        begun = time.monotonic()
        run = check(target_of(base_url=f"http://127.0.0.1:{port}"))
    assert (run.exit_code, reported(run)) == (3, {})
    assert "cannot be reached" in run.problems[0].message
    assert time.monotonic() - begun < 1.0


def test_an_unknown_host_is_told_by_its_name() -> None:
    """A host that has no address: exit 3, and the hint speaks of the host name."""
    run = check(target_of(base_url="http://wfconform.invalid"))
    assert (run.exit_code, reported(run)) == (3, {})
    assert "host" in run.problems[0].hint


def test_https_against_a_port_without_tls_is_told_apart() -> None:
    """Verifying no certificate would not help: the hint is the scheme."""
    with serving(SpecServer()) as url:
        run = check(target_of(base_url=url.replace("http://", "https://")))
    assert (run.exit_code, reported(run)) == (3, {})
    assert "does not speak TLS" in run.problems[0].hint


def test_a_wrong_key_is_told_apart() -> None:
    """The target refuses the key: exit 3, and no requirement is failed for it."""
    target = target_of()
    wrong = replace(target, access=replace(target.access, api_key=Secret("not-the-key-at-all")))
    run = check(wrong, SpecServer())
    assert (run.exit_code, reported(run)) == (3, {})
    assert "refuses the key (401)" in run.problems[0].message


def test_a_wrong_workflow_id_is_told_apart() -> None:
    """The endpoint is there but does not know the workflow: exit 3, and the role is named."""
    target = target_of()
    unknown = replace(target, workflows=replace(target.workflows, conversation="0" * 24))
    run = check(unknown, SpecServer())
    assert (run.exit_code, reported(run)) == (3, {})
    assert "does not know the workflow" in run.problems[0].message
    assert "--workflow" in run.problems[0].hint


@pytest.mark.parametrize("path", ["/elsewhere", "/v1"])
def test_a_wrong_base_url_is_told_apart(path: str) -> None:
    """Another path on the same server: exit 3, and the problem is the URL."""
    run = check(target_of(base_url=f"http://test{path}"), SpecServer())
    assert (run.exit_code, reported(run)) == (3, {})
    assert "is not at http://test" in run.problems[0].message


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (HTMLResponse("<!doctype html><title>Welcome</title>"), "HTML"),
        (PlainTextResponse("Not Found", 404), "404"),
        (JSONResponse({"detail": "Not Found"}, 404), "404"),
        (RedirectResponse("https://elsewhere.example/", 308), "redirects (308) to https://elsewhere.example/"),
        (Response(status_code=405), "405"),
    ],
    ids=["web page", "plain 404", "json 404", "redirect", "405"],
)
def test_something_else_at_the_url_is_no_verdict(response: Response, said: str) -> None:
    """A web page, a redirect, another service: exit 3, saying what came, and no requirement is failed."""
    run = check(target_of(), answering(response))
    assert (run.exit_code, reported(run)) == (3, {})
    assert said in run.problems[0].message
    assert run.calls <= 4


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_target_that_always_fails_does_not_conform(status: int) -> None:
    """5xx to a valid first turn is a verdict, not a missing one: EXE-001 and EXE-008, exit 1, in one call."""
    run = check(target_of(), answering(JSONResponse({"detail": "down"}, status)))
    assert run.exit_code == 1
    assert {"EXE-001", "EXE-008"} <= reported(run).keys()


def test_a_target_that_is_rate_limited_for_good_was_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 whatever is sent: exit 3 after a bounded patience, and nothing is failed for it."""
    monkeypatch.setattr("wfconform.conformance.play.PATIENCE_ALONE_S", 0.3)
    run = check(target_of(), answering(JSONResponse({"detail": "slow down"}, 429, {"Retry-After": "0"})))
    assert (run.exit_code, reported(run)) == (3, {})
    assert "429" in run.problems[0].message


def test_a_target_that_hangs_ends_within_its_timeout() -> None:
    """No answer at all: EXE-008 after one timeout, exit 1."""

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan")
        await asyncio.Event().wait()

    target = target_of()
    hasty = replace(target, access=replace(target.access, timeout_s=0.2))
    begun = time.monotonic()
    run = check(hasty, hang)
    assert (run.exit_code, list(reported(run))) == (1, ["EXE-008"])
    assert time.monotonic() - begun < 5


def test_a_path_prefix_is_kept_whole() -> None:
    """A deployment behind a prefix is tested under it, and only under it (§1)."""
    case = next(case for case in CONFORMING if case.server.prefix)
    with serving(case.make()) as url:
        assert check(target_of(case, url), level="core", only=["EXE-001", "RUN-001"]).exit_code == 0  # type: ignore[arg-type]
        assert check(target_of(base_url=url)).exit_code == 3


def test_a_port_that_speaks_no_http_is_no_verdict() -> None:
    """A listener that hangs up at once (http:// on a TLS port does): exit 3, with the scheme as the first suspicion."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def hang_up() -> None:
            listener.settimeout(0.05)
            while not stop.is_set():
                with suppress(TimeoutError):
                    listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            run = check(target_of(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        finally:
            stop.set()
            thread.join()
    assert (run.exit_code, reported(run)) == (3, {})
    assert "https://" in run.problems[0].hint
