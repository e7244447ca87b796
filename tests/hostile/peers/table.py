"""How a hostile peer is declared: what it does, and which outcomes are right."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.sockets import Serve, Talk


@dataclass(frozen=True, slots=True)
class Peer:
    """A hostile peer.

    problem: a part of what is said when it is hostile from the first request on, "" when it can be read and the check
    goes on; first: the exit codes that fit then; later: those that fit when first contact went well; ids: what is then
    broken (at least one of them, when there are any); slow: a call to it takes long, or costs much.
    """

    name: str
    says: str
    serve: Serve
    first: frozenset[int]
    later: frozenset[int]
    ids: frozenset[str]
    problem: str
    slow: bool


PEERS: dict[str, Peer] = {}


def peer(
    *,
    first: int | tuple[int, ...] = 3,
    later: int | tuple[int, ...] = 1,
    ids: tuple[str, ...] = (),
    problem: str = "",
    slow: bool = False,
) -> Callable[[Serve], Serve]:
    """Enter a coroutine that serves one connection into the table; its docstring is the sentence."""

    def enter(serve: Serve) -> Serve:
        name = serve.__name__.replace("_", "-")
        says = " ".join((serve.__doc__ or "").split())
        assert name not in PEERS
        PEERS[name] = Peer(name, says, serve, _codes(first), _codes(later), frozenset(ids), problem, slow)
        return serve

    return enter


def _codes(given: int | tuple[int, ...]) -> frozenset[int]:
    return frozenset({given} if isinstance(given, int) else given)


async def answer_all(talk: Talk, *parts: bytes) -> None:
    """Answer every request with the same bytes."""
    while True:
        await talk.request()
        await talk.send(*parts)


__all__ = ["PEERS", "Peer", "answer_all", "peer"]
