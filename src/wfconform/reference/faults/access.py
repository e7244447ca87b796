"""Faults in authentication and tenancy: AUT, and what goes wrong for the second tenant only."""

from collections.abc import Callable

import msgspec

from wfconform.reference.calls import Call, Handler, Json, Reply, refusal
from wfconform.reference.faults.fault import Fault, fault, later, turn_from
from wfconform.reference.parts import Change, Parts, When, answers, around, instead, replies

_NOBODY, _FIRST, _SECOND = "nobody", "first", "second"
_BEARER = "Bearer "
Unlocks = Callable[[Call, str], bool]


def _who(parts: Parts, call: Call) -> str:
    given = call.authorization.removeprefix(_BEARER)
    return (parts.keys or {}).get(given, _NOBODY)


def _as_first(parts: Parts, call: Call) -> Call:
    return call.with_headers(authorization=_BEARER + next(iter(parts.keys or {}), ""))


def _unlocked(when: Unlocks) -> Change:
    """Take a caller that would be turned away for the first tenant, where `when` says so."""

    def change(parts: Parts) -> Parts:
        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            unlocks = reply.status in (401, 404) and when(call, _who(parts, call))
            return await go(_as_first(parts, call)) if unlocks else reply

        return around(layer)(parts)

    return change


def _acts_then_refuses(when: Unlocks) -> Change:
    """Carry a call out as the first tenant's, then refuse it as it would have been."""

    def change(parts: Parts) -> Parts:
        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            if when(call, _who(parts, call)):
                await go(_as_first(parts, call))
            return reply

        return around(layer)(parts)

    return change


def _for_second(edit: Callable[[Json, Call], object], when: When) -> Change:
    """Edit the answers that the second tenant gets."""

    def change(parts: Parts) -> Parts:
        return answers(edit, lambda answer, call: _who(parts, call) == _SECOND and when(answer, call))(parts)

    return change


def _echoes_headers(reply: Reply, call: Call) -> Reply:
    return reply.but(body=msgspec.json.encode({**reply.json, "headers": dict(call.headers)}))


def _without_challenge(reply: Reply, _: Call) -> Reply:
    return reply.but(headers={name: value for name, value in reply.headers.items() if name != "www-authenticate"})


def _key_in_events(answer: Json, call: Call) -> None:
    answer["events"][0]["comments"] = f"called with {call.authorization}"


def _by_beginning(parts: Parts) -> Parts:
    """Take who sends the first tenant's key with more behind it for the first tenant."""
    key = _BEARER + next(iter(parts.keys or {}), "")
    return _unlocked(lambda call, who: who == _NOBODY and call.authorization.startswith(key))(parts)


def _keyless(call: Call, who: str) -> bool:
    return who == _NOBODY and not call.authorization


FAULTS: tuple[Fault, ...] = (
    fault("no-key-needed", "Who sends no key is the first tenant.", _unlocked(_keyless), "AUT-001"),
    fault(
        "missing-key-is-400",
        "A missing key is called a bad request.",
        instead(
            refusal(400, "Authorization is required"), lambda call: call.method == "POST" and not call.authorization
        ),
        "AUT-001",
    ),
    fault(
        "any-bearer-key",
        "A key that is not known counts as the first tenant's.",
        _unlocked(lambda call, who: who == _NOBODY and call.authorization.startswith(_BEARER)),
        "AUT-002",
    ),
    fault(
        "other-schemes-pass",
        "Another scheme than Bearer is left to a gateway that is not there.",
        _unlocked(lambda call, _: bool(call.authorization) and not call.authorization.startswith(_BEARER)),
        "AUT-002",
    ),
    fault(
        "key-by-its-beginning",
        "What follows the key is overlooked.",
        _by_beginning,
        "AUT-002",
    ),
    fault(
        "key-checked-on-first-turns-only",
        "Who knows a run_id needs no key.",
        _unlocked(lambda call, who: who == _NOBODY and call.run_id is not None),
        "AUT-001",
        "AUT-002",
    ),
    fault(
        "stops-need-no-key",
        "A stop is taken without a key.",
        _unlocked(lambda call, who: who == _NOBODY and call.stops),
        "AUT-001",
        "AUT-002",
    ),
    fault(
        "refused-after-the-turn",
        "A later turn is executed, then the key is looked at.",
        _acts_then_refuses(lambda call, who: who == _NOBODY and call.goes_on),
        "AUT-001",
        "AUT-002",
        "TRN-002",
        "EXE-010",
        "TRN-003",
    ),
    fault(
        "any-tenant-resumes",
        "The tenant is not compared on a later turn.",
        _unlocked(lambda call, who: who == _SECOND and call.goes_on),
        "AUT-003",
        "AUT-006",
    ),
    fault(
        "any-tenant-stops",
        "The tenant is not compared on a stop.",
        _unlocked(lambda call, who: who == _SECOND and call.stops),
        "AUT-003",
    ),
    fault(
        "foreign-stop-cancels-then-refuses",
        "Another tenant's stop is refused after it has cancelled the run.",
        _acts_then_refuses(lambda call, who: who == _SECOND and call.stops),
        "AUT-003",
        "EXE-010",
    ),
    fault(
        "second-tenant-without-types",
        "The events of the second tenant's later turns have no type.",
        _for_second(lambda answer, _: answer["events"][0].pop("type"), later),
        "EVT-001",
    ),
    fault(
        "second-tenant-counts-from-two",
        "The second tenant's first turn is turn 2.",
        _for_second(lambda answer, _: answer.update(turn_number=answer["turn_number"] + 1), turn_from(1)),
        "TRN-001",
    ),
    fault(
        "key-in-refusals",
        "Refusals show the request's headers.",
        replies(_echoes_headers, lambda reply, _: 400 <= reply.status < 500),
        "AUT-004",
    ),
    fault(
        "key-in-a-header",
        "The caller's key comes back in a header of a later turn.",
        replies(
            lambda reply, call: reply.with_headers(x_debug_auth=call.authorization),
            lambda reply, call: reply.status == 200 and call.goes_on,
        ),
        "AUT-004",
    ),
    fault(
        "key-in-events-from-turn-5",
        "From turn 5 on an event names the caller's key.",
        answers(_key_in_events, turn_from(5)),
        "AUT-004",
    ),
    fault(
        "no-challenge",
        "401 has no WWW-Authenticate.",
        replies(_without_challenge, lambda reply, _: reply.status == 401),
        "AUT-005",
    ),
    fault(
        "team-in-the-body-opens",
        "Who names a team in the body is taken for a member of the run's.",
        _unlocked(lambda call, who: who == _SECOND and call.run_id is not None and bool(call.run_input.get("team_id"))),
        "AUT-006",
    ),
    fault(
        "run-by-in-the-body-stops",
        "Who says run_by on a stop is taken for the run's owner.",
        _unlocked(lambda call, who: who == _SECOND and call.stops and bool(call.run_input.get("run_by"))),
        "AUT-006",
    ),
)
