"""A recorded call, and what was passed over on the way to it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was recorded. where: entry or line, for people; at_s: epoch seconds; body None: not recorded.

    request_body: None when it was not recorded; headers: of the response, lower-case names; secrets: values of headers
    that carry credentials, to be kept out of every output.
    """

    where: str
    method: str
    url: str
    request_body: bytes | None
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    at_s: float
    duration_s: float
    secrets: tuple[str, ...] = ()


@dataclass(slots=True)
class Recording:
    """What a file holds; entries: how many there were; passed_over: reason to how many entries."""

    calls: list[Call] = field(default_factory=list)
    entries: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)


SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token"}
)


def secrets_of(headers: Iterator[tuple[str, str]]) -> tuple[str, ...]:
    """Return the credentials in some headers: whole values, what follows a scheme, values of cookies."""
    found: list[str] = []
    for name, value in headers:
        if name.lower() in SECRET_HEADERS:
            cookies = value.split(";")[
                : 1 if name.lower() == "set-cookie" else None
            ]  # what follows is Path=/ and the like
            found += [value, value.partition(" ")[2], *(part.partition("=")[2] for part in cookies)]
    return tuple(dict.fromkeys(part.strip() for part in found if len(part.strip()) > _SHORTEST))


_SHORTEST = 5  # characters; shorter words stand in texts by chance
