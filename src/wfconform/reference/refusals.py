"""What the endpoint refuses, and how it says so (§10)."""

from collections.abc import Mapping

import msgspec

Place = tuple[str | int, ...]


class Refusal(Exception):
    """A request that is not carried out: no turn is taken, no record is made."""

    def __init__(self, status: int, detail: object, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.headers = dict(headers or {})
        self.body = msgspec.json.encode({"detail": detail})


def invalid(place: Place, message: str, *, type: str = "value_error") -> Refusal:
    """Return a 422 that names the field and says what is wrong with it."""
    return Refusal(422, [{"loc": place, "msg": message, "type": type}])


def unauthorized() -> Refusal:
    """Return the 401 for a missing or wrong key (AUT-001, AUT-002, AUT-005)."""
    return Refusal(401, "a valid API key is required", headers={"WWW-Authenticate": "Bearer"})


def not_found(what: str) -> Refusal:
    """Return a 404; another tenant's run is not found either, so nobody learns that it exists (AUT-003)."""
    return Refusal(404, f"there is no such {what}")


def conflict(message: str) -> Refusal:
    """Return a 409: the run is not in a state for this."""
    return Refusal(409, message)


def too_large(limit: int) -> Refusal:
    """Return a 413."""
    return Refusal(413, f"the body is larger than {limit} bytes")


def run_too_large() -> Refusal:
    """Return the 413 for a turn after which the run's record would be larger than the database takes."""
    return Refusal(413, "the run would hold more than its record can")


def unavailable() -> Refusal:
    """Return the 503 for what was not carried out and may be sent again (§10)."""
    return Refusal(503, "the database cannot be reached; nothing was done", headers={"Retry-After": "1"})


def indeterminate() -> Refusal:
    """Return the 500 for what may or may not have been carried out (§10)."""
    return Refusal(500, "the database did not say whether this was done")
