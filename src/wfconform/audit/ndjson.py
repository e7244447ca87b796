"""One line of JSON to a call; docs/audit.md describes the fields."""

from typing import Any

from wfconform.audit.fields import body_bytes, epoch, header_rows, mapping, number, status, unpacked
from wfconform.audit.recording import Call, secrets_of

_MS = 1000.0


def line_call(entry: Any, where: str) -> Call | str:
    """Return the call of a line, or why it is passed over."""
    row = mapping(entry)
    url, method = row.get("url"), row.get("method", "POST")
    at_s, took_ms = epoch(row.get("at")), number(row.get("duration_ms"))
    if not isinstance(method, str) or not isinstance(url, str):
        return "without a method or a URL"
    if at_s is None or took_ms is None or took_ms < 0:
        return "without a start or a duration"
    sent, came = header_rows(row.get("request_headers")), header_rows(row.get("headers"))
    packed = row.get("response_base64")
    return Call(
        where=where,
        method=method,
        url=url,
        request_body=body_bytes(row.get("request")),
        status=status(row.get("status")),
        headers=tuple(came),
        body=unpacked(packed) if isinstance(packed, str) else body_bytes(row.get("response")),
        at_s=at_s,
        duration_s=took_ms / _MS,
        secrets=secrets_of(iter([*sent, *came])),
    )
