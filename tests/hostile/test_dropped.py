"""Kept connections that are closed under a request: nothing is concluded from that, and nothing is missed by it."""

from tests.hostile.checking import broken, checked
from tests.hostile.sockets import Talk, listening

TIMEOUT_S = 10


async def _hangs_up_on_numbers(talk: Talk) -> None:
    """Closes the connection, without a word, on a command that is a number."""
    while True:
        call = await talk.request()
        if b'"command": 5' in call.body:
            return
        await talk.well(call)


async def _closes_now_and_then(talk: Talk) -> None:
    """Closes a kept connection when its fourth request is there, as a server does whose patience ends just then."""
    for _ in range(3):
        await talk.well(await talk.request())
    await talk.reader.read(1)


def test_a_connection_that_is_dropped_on_a_probe_is_a_response_that_never_came() -> None:
    """The kept connection may have been closed by chance; over new ones the same request is dropped again."""
    with listening(_hangs_up_on_numbers) as served:
        run = checked(served.url, only=("EXE-006", "EXE-008"), timeout_s=TIMEOUT_S)
    assert (run.exit_code, broken(run)) == (1, {"EXE-008"})


def test_connections_that_are_closed_by_chance_are_held_against_nobody() -> None:
    """What was lost that way is tried again over new connections, where all is well."""
    with listening(_closes_now_and_then) as served:
        run = checked(served.url, only=("EXE-006", "EXE-005"), timeout_s=TIMEOUT_S)
    assert (run.exit_code, broken(run), served.open_runs) == (0, set(), [])


async def _executes_and_hangs_up(talk: Talk) -> None:
    """Executes the third request of a connection, and closes it instead of answering."""
    for _ in range(2):
        await talk.well(await talk.request())
    await talk.good_answer(await talk.request())


def test_a_turn_that_was_executed_and_never_answered_is_found() -> None:
    """The next turn's number tells that the server had the request: no idle connection was closed there."""
    with listening(_executes_and_hangs_up) as served:
        run = checked(served.url, only=("EXE-008", "TRN-002"), timeout_s=TIMEOUT_S)
    assert (run.exit_code, broken(run)) == (1, {"EXE-008"})
    shown = next(result for result in run.results if result.id == "EXE-008")
    assert "none, but the turn was executed" in shown.message
    assert any("got no answer because their kept connection was closed" in note for note in run.notes)


def test_turns_that_were_not_executed_are_only_noted() -> None:
    """Connections that are closed before a request is read, on every turn: said, and held against nobody."""
    with listening(_closes_now_and_then) as served:
        run = checked(served.url, only=("EXE-008", "TRN-002"), timeout_s=TIMEOUT_S)
    assert (run.exit_code, broken(run), served.open_runs) == (0, set(), [])
    assert any("got no answer because their kept connection was closed" in note for note in run.notes)
