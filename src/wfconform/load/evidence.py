"""The first violations, kept whole: the session's turns, secrets left out, and a reproducer."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wfconform.load.measured import Violation
from wfconform.session import Broken
from wfconform.target import Access
from wfconform.wire import Exchange

TEXT_LIMIT = 2000  # characters kept of a body
SHORTEST_SECRET = 4

MakeScript = Callable[..., Any]


def _no_script(*_: Any, **__: Any) -> None:
    return None


@dataclass(slots=True)
class Evidence:
    """Makes Violations of one target."""

    access: Access
    make: MakeScript = field(default=_no_script)

    def load_reproducers(self) -> None:
        """Import what makes reproducers; it imports more than a load process may before Locust has patched."""
        from wfconform.reproduce.making import reproducer

        self.make = reproducer

    def violation(
        self,
        id: str,
        broken: Broken,
        log: Sequence[Exchange],
        *,
        judged: Exchange,
        scenario: str,
        at_s: float,
        whole: bool,
    ) -> Violation:
        """Return one violation with the turns of its session up to the one that showed it; whole: none is missing."""
        end = next((index for index, one in enumerate(log) if one is judged), len(log) - 1) + 1
        known = whole and judged in log
        made = self.make(id, broken, judged, log[:end], scenario=scenario, access=self.access) if known else None
        return Violation(
            id=id,
            scenario=scenario,
            expected=self.redact(broken.expected),
            actual=self.redact(broken.actual),
            path=broken.path,
            run_id=next((one.request.run_id for one in reversed(log[:end]) if one.request.run_id), "") or "",
            at_s=round(at_s, 3),
            turns=tuple(self._turn(one) for one in log[:end]),
            reproducer=None if made is None else made.script,
            predicate=None if made is None else made.predicate,
        )

    def redact(self, text: str) -> str:
        """Replace every secret of the target."""
        access = self.access
        secrets = [access.api_key, access.second_api_key, *access.headers.values()]
        for secret in secrets:
            if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET:
                text = text.replace(secret.reveal(), "***")
        return text

    def _turn(self, exchange: Exchange) -> dict[str, object]:
        request = exchange.request
        query = "?" + "&".join(f"{key}={value}" for key, value in request.query) if request.query else ""
        body = "" if request.json is None else json.dumps(request.json, ensure_ascii=False)
        return {
            "request": f"{request.method} {request.target_path}{query}",
            "request_body": self._text(body),
            "status": exchange.status,
            "response_body": self._text(exchange.body[: TEXT_LIMIT * 4].decode("utf-8", "replace")),
            "sent_s": round(exchange.sent_s, 4),
            "elapsed_ms": round(exchange.elapsed_s * 1000, 3),
            "failure": self.redact(f"{exchange.failure}: {exchange.detail}") if exchange.failure else "",
        }

    def _text(self, text: str) -> str:
        text = self.redact(text).encode("utf-8", "replace").decode()
        return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} … ({len(text)} characters or more)"
