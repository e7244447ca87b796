"""How long a request that was refused as not processed waits before it is sent again."""

from email.utils import formatdate

import pytest
from tests.load.quickly import TARGET
from tests.session.shapes import EPOCH_S

from wfconform.session import Busy, Intent, Kind, Valid
from wfconform.wire import Exchange, Request
from wfconform.wire.retrying import LONGEST_PAUSE_S, UNTOLD_S, wait_before_retry

SERVER_S = 1_700_000_000.0  # by the server's clock, which is not ours


def refused(
    told: str | None, *, status: int = 429, dated: bool = True, intent: Intent | None = None, kind: Kind = Kind.FIRST
) -> Exchange:
    """Return a refusal with this Retry-After."""
    fields = [("date", formatdate(SERVER_S, usegmt=True))] if dated else []
    fields += [] if told is None else [("retry-after", told)]
    request = Request(kind, TARGET.workflows.conversation, intent=intent or Valid())
    return Exchange(
        request=request, status=status, headers=tuple(fields), body=b"{}", sent_s=1.0, received_s=1.5, sent_at=EPOCH_S
    )


@pytest.mark.parametrize(
    ("told", "waits_s"),
    [
        ("3", 3.0),
        ("0", 0.1),
        (formatdate(SERVER_S + 7, usegmt=True), 7.0),
        (formatdate(SERVER_S - 7, usegmt=True), 0.1),
        ("9" * 400, float("inf")),
        ("-3", UNTOLD_S),
        ("soon", UNTOLD_S),
        (None, UNTOLD_S),
    ],
)
def test_what_retry_after_says_is_waited(told: str | None, waits_s: float) -> None:
    """Seconds, or a date by the server's own clock; never less than the pause that grows from try to try."""
    assert wait_before_retry(refused(told), 0.1) == waits_s
    assert wait_before_retry(refused(told), LONGEST_PAUSE_S) == max(waits_s, LONGEST_PAUSE_S)


def test_without_a_date_header_our_own_clock_serves() -> None:
    """The wait is counted from when the refusal came."""
    told = formatdate(EPOCH_S + 4, usegmt=True)
    assert wait_before_retry(refused(told, dated=False), 0.1) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("status", "kind", "intent", "again"),
    [
        (409, Kind.FIRST, Valid(), True),
        (423, Kind.FIRST, Valid(), True),
        (409, Kind.TURN, Valid(), False),
        (503, Kind.TURN, Valid(), True),
        (429, Kind.TURN, Busy(), False),
        (500, Kind.FIRST, Valid(), False),
        (200, Kind.FIRST, Valid(), False),
    ],
)
def test_only_what_was_not_processed_is_sent_again(status: int, kind: Kind, intent: Intent, again: bool) -> None:
    """A start where too many runs are open, 429, and 503 with Retry-After; not what is one of several at once."""
    told = refused("1", status=status, kind=kind, intent=intent)
    assert (wait_before_retry(told, 0.1) is not None) is again
