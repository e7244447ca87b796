"""The quick way never says anything but what the ledger says."""

from random import Random

import pytest
from tests.load.quickly import Json, Pair, mutated
from tests.session.model import played

HISTORIES = 150


def _played(seed: int, *, mutates: float) -> int:
    """Read a history both ways, some answers with a defect; return how many took the quick way."""
    chance = Random(seed)
    history = played(chance)
    pair, earlier = Pair(), list[Json]()
    pair.shared.ledger._ttl_s = pair.ledger._ttl_s = history.ttl_s or float("inf")
    for group in history.groups:
        if len(group) > 1:
            break  # what was sent together never takes the quick way
        (said,) = group
        if said.body is None:
            pair.other(said)
            continue
        defect = chance.random() < mutates
        pair.read(said, mutated(said.body, earlier, chance) if defect else said.body)
        earlier.append(said.body)
    return pair.accepted


@pytest.mark.parametrize("block", range(4))
def test_conforming_histories_are_read_alike(block: int) -> None:
    """Every history of a correct server leaves both readers with the same findings and the same memory."""
    accepted = sum(_played(seed, mutates=0.0) for seed in range(block * HISTORIES, (block + 1) * HISTORIES))
    assert accepted > HISTORIES / 2  # or the comparison would compare nothing


@pytest.mark.parametrize("block", range(4))
def test_defects_are_read_alike(block: int) -> None:
    """With defects in two answers of five the quick way and the ledger still say and remember the same."""
    accepted = sum(_played(seed, mutates=0.4) for seed in range(block * HISTORIES, (block + 1) * HISTORIES))
    assert accepted > HISTORIES / 8
