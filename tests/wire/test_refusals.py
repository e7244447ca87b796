"""Refusals and faults: their form (EXE-009), what they leave uncertain, and the headers that go with them."""

from typing import Any

import pytest
from tests.wire.exchanges import JSON_TYPE, broken, came_back, first, later, shown_by

from wfconform.session import Indeterminate, Kind, Lenient, NotProcessed, NotSent, Refusal, Refused, Reply, Unreadable
from wfconform.wire import Failure, Request, reply_to

REFUSED = Refused(("EXE-004",))
RETRY_AFTER = ("retry-after", "1")
WWW = ("www-authenticate", "Bearer")


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "run not found"},
        {"detail": [{"loc": ["body", "run_input"], "msg": "field required", "type": "missing"}]},
        {"message": "Nein", "error": None},
        ["no such workflow"],
        "unknown workflow",
        {"a": {"b": [{"c": "größer"}]}},
        {"error": "找不到工作流"},
    ],
)
def test_a_refusal_is_json_of_any_shape_with_a_readable_string(body: Any) -> None:
    """EXE-009 holds."""
    shown = shown_by(came_back(first(intent=REFUSED), 404, body))
    assert shown == {"EXE-009": None, "EXE-004": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"Not Found", b"<html>Not Found</html>", {}, [], {"code": 404}, {"error": ""}, {"error": "404"}, {"a": None}],
)
@pytest.mark.parametrize("status", [400, 404, 409, 410, 422, 451])
def test_a_refusal_of_another_form_breaks_it(body: Any, status: int) -> None:
    """No JSON, or no readable string in it."""
    assert broken(came_back(first(intent=REFUSED), status, body)) == {"EXE-009"}


@pytest.mark.parametrize("status", [401, 403, 405, 413, 414, 429, 431, 502, 503, 504])
def test_some_refusals_may_have_any_form(status: int) -> None:
    """A gateway may have made them."""
    assert "EXE-009" not in broken(came_back(first(intent=REFUSED), status, b"<html>", RETRY_AFTER, WWW))


def test_a_400_at_http_level_may_have_any_form() -> None:
    """What only just is HTTP is refused before the endpoint sees it; a 422 is the endpoint's own."""
    rough = Lenient(("EXE-008",))
    assert broken(came_back(first(intent=rough), 400, b"Bad Request")) == set()
    assert broken(came_back(first(intent=rough), 422, b"Bad Request")) == {"EXE-009"}


def test_a_probe_that_a_router_may_refuse_is_not_judged_by_its_form() -> None:
    """A malformed workflow_id may match no route."""
    request = first(intent=Refused(("EXE-003",)), probes_endpoint=False)
    assert broken(came_back(request, 404, b"Not Found")) == set()


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, (), NotProcessed(429)),
        (429, (RETRY_AFTER,), NotProcessed(429)),
        (503, (RETRY_AFTER,), NotProcessed(503)),
        (503, (), Indeterminate(503)),
        (500, (RETRY_AFTER,), Indeterminate(500)),
        (502, (), Indeterminate(502)),
        (504, (), Indeterminate(504)),
        (599, (), Indeterminate(599)),
        (400, (), Refusal(400)),
        (404, (), Refusal(404)),
        (499, (), Refusal(499)),
        (302, (), Unreadable(302, "redirects are not followed")),
        (204, (), Unreadable(204)),
        (201, (), Unreadable(201)),
    ],
)
def test_what_a_status_leaves_certain(status: int, headers: tuple[tuple[str, str], ...], expected: Reply) -> None:
    """429, and 503 with Retry-After, were not processed; a 4xx refuses; the rest of 5xx is indeterminate (§10)."""
    assert reply_to(came_back(first(), status, b"{}", *(headers or (JSON_TYPE,)))) == expected


@pytest.mark.parametrize("status", [429, 503])
def test_what_may_be_sent_again_says_when(status: int) -> None:
    """EXE-014: Retry-After."""
    assert shown_by(came_back(first(), status, b"{}", RETRY_AFTER)) == {"EXE-014": None}
    assert "EXE-014" in broken(came_back(first(), status, b"{}"))


def test_no_other_status_needs_retry_after() -> None:
    """None seen: not tested."""
    assert "EXE-014" not in shown_by(came_back(first(), 500, b"{}"))


def test_401_says_how_to_authenticate() -> None:
    """AUT-005: WWW-Authenticate on 401, and on 401 alone."""
    request = first(intent=Refused(("AUT-001",), codes=(401, 403)))
    assert shown_by(came_back(request, 401, b"{}", WWW)) == {"AUT-005": None, "AUT-001": None}
    assert broken(came_back(request, 401, b"{}")) == {"AUT-005"}
    assert "AUT-005" not in shown_by(came_back(request, 403, b"{}"))


@pytest.mark.parametrize(("leaked", "expected"), [(True, {"AUT-004"}), (False, set()), (None, set())])
@pytest.mark.parametrize("status", [200, 422])
def test_the_key_never_comes_back(leaked: bool | None, expected: set[str], status: int) -> None:
    """AUT-004 in answers and refusals; without a key to look for it is not exercised."""
    body = None if status == 200 else {"detail": "not accepted"}
    exchange = came_back(first(intent=Lenient()), status, body, leaked=leaked)
    assert broken(exchange) == expected
    assert ("AUT-004" in shown_by(exchange)) is (leaked is not None)


# --- EXE-008: a complete response below 500


@pytest.mark.parametrize(
    "failure", [Failure.TIMEOUT, Failure.TORN, Failure.TOO_LARGE, Failure.UNDECODABLE, Failure.NOT_HTTP]
)
def test_an_incomplete_response_breaks_the_call(failure: Failure) -> None:
    """EXE-008, and the run is indeterminate."""
    exchange = came_back(later(), None, b"", failure=failure)
    assert broken(exchange) == {"EXE-008"}
    reply = reply_to(exchange)
    assert isinstance(reply, Indeterminate)
    assert reply.http_status is None


@pytest.mark.parametrize(
    ("failure", "expected"), [(Failure.NOT_SENT, NotSent()), (Failure.CLOSED_IDLE, Indeterminate(None, "closed idle"))]
)
def test_a_connection_that_failed_tells_nothing(failure: Failure, expected: Reply) -> None:
    """Not sent, or closed while idle, as HTTP allows: no requirement is exercised."""
    exchange = came_back(later(), None, b"", failure=failure)
    assert shown_by(exchange) == {}
    assert reply_to(exchange) == expected


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_a_fault_breaks_the_call(status: int) -> None:
    """EXE-008 for any 5xx; a valid first turn breaks EXE-001, too."""
    assert broken(came_back(later(), status, b"{}")) == {"EXE-008"}
    assert broken(came_back(first(), status, b"{}")) == {"EXE-008", "EXE-001"}


def test_503_is_a_fault_without_retry_after() -> None:
    """With it the request was not processed, and is counted apart."""
    assert "EXE-008" in broken(came_back(later(), 503, b"{}"))
    assert "EXE-008" not in shown_by(came_back(later(), 503, b"{}", RETRY_AFTER))


def test_a_rough_request_that_is_answered_holds_it() -> None:
    """EXE-008 is exercised by its probes."""
    rough = first(intent=Lenient(("EXE-008",)))
    assert shown_by(came_back(rough, 422, {"detail": "too deep"}))["EXE-008"] is None
    assert shown_by(came_back(rough))["EXE-008"] is None


@pytest.mark.parametrize(
    ("status", "expected"), [(405, set()), (404, set()), (501, set()), (200, {"EXE-011"}), (500, {"EXE-011"})]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_not_allowed(method: str, status: int, expected: set[str]) -> None:
    """EXE-011: 405, or 404, or 501; nothing else is judged."""
    request = Request(Kind.OTHER, "5eb7cf5a86d9755df3a6c593", intent=Lenient(), method=method)
    assert broken(came_back(request, status, b"")) == expected
