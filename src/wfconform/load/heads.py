"""Heads of HTTP/1.1 messages: requests as bytes, and what a response's head says of its body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from wfconform.errors import UsageError
from wfconform.target import Access
from wfconform.wire.decode import epoch

_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")
_SENDABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
REMEMBERED = 512  # heads; most answers of a second differ in nothing, or in their length


@dataclass(frozen=True, slots=True)
class Place:
    """Where requests go: a host, and the path below which the endpoint lies."""

    host: str
    port: int
    tls: bool
    prefix: str
    verify: bool = True

    @property
    def authority(self) -> str:
        """The Host header."""
        named = f"[{self.host}]" if ":" in self.host else self.host
        return named if self.port == (443 if self.tls else 80) else f"{named}:{self.port}"


def place_of(access: Access) -> Place:
    """Return where a target is; raises UsageError for a base URL that is none."""
    try:
        url = urlsplit(access.base_url)
        port, host = url.port, url.hostname
    except ValueError as error:
        raise UsageError(f"the base URL cannot be read: {error}") from None
    if url.scheme not in ("http", "https") or not host:
        raise UsageError("the base URL must begin with http:// or https:// and name a host")
    tls = url.scheme == "https"
    return Place(host, port or (443 if tls else 80), tls, url.path.rstrip("/"), access.verify_tls)


def request_head(place: Place, access: Access, path: str, query: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return a POST's head up to the value of its content-length; raises UsageError for what no header carries."""
    target = place.prefix + path + (f"?{urlencode(query)}" if query else "")
    fields = {
        "host": place.authority,
        "user-agent": "wfconform",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "content-type": "application/json",
        **_secret_fields(access),
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "content-length: "]
    return "\r\n".join(lines).encode("latin-1")


def _secret_fields(access: Access) -> Mapping[str, str]:
    fields = {name.lower(): value.reveal() for name, value in access.headers.items()}
    if access.auth != "none" and access.api_key is not None:
        fields["authorization"] = f"Bearer {access.api_key.reveal()}"
    for name, value in fields.items():
        if not _FIELD.fullmatch(f"{name}:".encode()) or not _SENDABLE.fullmatch(value):
            raise UsageError(f"the header {name[:40]!r} must be visible ASCII, without line ends or spaces around it")
    return fields


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A response's head. length: of the body, None when it must be read otherwise (chunked, until the end, coded).

    plain: the body is as it is sent, of that length, behind a connection that stays; json: its media type; date: in
    epoch seconds; chunked: the body comes in chunks, behind which more fields may stand.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    length: int | None
    plain: bool
    json: bool
    date: float | None
    chunked: bool


class Heads:
    """Reads the heads of responses; one that was read before costs a look-up."""

    def __init__(self) -> None:
        self._known: dict[bytes, ResponseHead] = {}

    def read(self, head: bytes) -> ResponseHead | None:
        """Return what a head says, up to its empty line; None when it is none."""
        known = self._known.get(head)
        if known is None:
            known = _parsed(head)
            if known is not None:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[head] = known
        return known


def _parsed(head: bytes) -> ResponseHead | None:
    first, *rest = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    matched = [_FIELD.fullmatch(line) for line in rest]
    if status is None or not all(matched):
        return None
    fields = tuple((f[1].decode().lower(), f[2].decode("latin-1")) for f in matched if f is not None)
    first_of = dict(reversed(fields))
    lengths = {value for name, value in fields if name == "content-length"}
    length = int(lengths.pop()) if len(lengths) == 1 and _is_number(*lengths) else None
    codings = [value.strip().lower() for name, value in fields if name == "content-encoding"]
    coded = "transfer-encoding" in first_of or any(coding not in ("", "identity") for coding in codings)
    stays = status[1] == b"1" and "close" not in first_of.get("connection", "").lower()
    code = int(status[2])
    media_type = first_of.get("content-type", "").partition(";")[0].strip().lower()
    return ResponseHead(
        status=code,
        fields=fields,
        length=length,
        plain=length is not None and not coded and stays and 200 <= code < 600 and code not in (204, 304),
        json=media_type == "application/json",
        date=epoch(first_of.get("date")),
        chunked="transfer-encoding" in first_of,
    )


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 16
