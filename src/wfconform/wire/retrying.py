"""When a request that the target did not process is sent again: as told, or a little later each time."""

from wfconform.session import Busy, Kind, NotProcessed, Valid
from wfconform.wire.decode import epoch
from wfconform.wire.exchange import Exchange
from wfconform.wire.observe import reply_to

BUSY_STARTS = frozenset({409, 423})  # a start refused because too many runs are open
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
UNTOLD_S = 0.5


def wait_before_retry(exchange: Exchange, pause_s: float) -> float | None:
    """Return how long to wait before a new attempt, None when there must be none."""
    request = exchange.request
    refused_start = (
        request.kind is Kind.FIRST
        and isinstance(request.intent, Valid)
        and exchange.failure is None
        and exchange.status in BUSY_STARTS
    )
    if not refused_start and not isinstance(reply_to(exchange), NotProcessed):
        return None
    if isinstance(request.intent, Busy):
        return None
    told_s = told_wait_s(exchange)
    return max(pause_s, UNTOLD_S if told_s is None else told_s)


def told_wait_s(exchange: Exchange) -> float | None:
    """Return what Retry-After says, seconds or a date by the server's own clock (RFC 9110 §10.2.3); None: nothing."""
    now = epoch(exchange.header("date")) or exchange.sent_at + exchange.elapsed_s
    return retry_after_s(exchange.header("retry-after") or "", now)


def retry_after_s(told: str, now: float) -> float | None:
    """Return how many seconds a Retry-After asks for, with now in epoch seconds; None: it cannot be read."""
    if told.isascii() and told.isdigit():
        return float(told)
    at = epoch(told)
    return None if at is None else max(0.0, at - now)
