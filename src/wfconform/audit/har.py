"""One entry of a HAR 1.2 file to a call."""

from typing import Any

from wfconform.audit.fields import epoch, header_rows, mapping, number, status, unpacked
from wfconform.audit.recording import Call, secrets_of

_MS = 1000.0


def har_call(entry: Any, where: str) -> Call | str:
    """Return the call of an entry, or why it is passed over."""
    request, response = mapping(mapping(entry).get("request")), mapping(mapping(entry).get("response"))
    method, url = request.get("method"), request.get("url")
    at_s = epoch(mapping(entry).get("startedDateTime"))
    took_ms = number(mapping(entry).get("time"))
    if not isinstance(method, str) or not isinstance(url, str):
        return "without a method or a URL"
    if at_s is None or took_ms is None or took_ms < 0:
        return "without a start or a duration"
    sent, came = header_rows(request.get("headers")), header_rows(response.get("headers"))
    return Call(
        where=where,
        method=method,
        url=url,
        request_body=_posted(request.get("postData")),
        status=status(response.get("status")),
        headers=tuple(came),
        body=_content(response.get("content")),
        at_s=at_s,
        duration_s=took_ms / _MS,
        secrets=secrets_of(iter([*sent, *came])),
    )


def _posted(data: Any) -> bytes | None:
    text = mapping(data).get("text")
    if not isinstance(text, str):
        return None
    return unpacked(text) if mapping(data).get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")


def _content(content: Any) -> bytes | None:
    text = mapping(content).get("text")
    if not isinstance(text, str):
        return None
    return unpacked(text) if mapping(content).get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")
