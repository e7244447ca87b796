"""Random interleavings: several sessions of one client, whatever comes next drawn from a seed."""

import random

from wfconform.conformance.generated.moves import MOVES, Board
from wfconform.conformance.generated.sessions import Plays
from wfconform.scenarios import Client, Scenario

DEPTH = 30  # moves of one interleaving


def interleaving(seed: str) -> Plays:
    """Return the scenario that makes so many moves, the same ones for the same seed and the same statuses answered."""

    def play(client: Client) -> Scenario:
        source = random.Random(seed)  # noqa: S311 - repeatable, not secret
        board = Board(client)
        for _ in range(DEPTH):
            able = [move for move in MOVES if move.can(board)]
            if not able:
                return
            move = source.choices(able, [one.weight for one in able])[0]
            yield move.do(board, source.randrange(12), source.randrange(60))

    return play
