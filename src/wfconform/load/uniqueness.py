"""Which run_ids were seen: RUN-002 over all sessions of a run, in 16 bytes or so each."""

from array import array
from collections.abc import Iterable

_FIRST_SLOTS = 1 << 19  # 4 MB: room for 300,000 sessions before it grows, so that a long run's memory stays flat
_MOST_SLOTS = 1 << 23
_FILL = 0.6
_MASK = (1 << 64) - 1


class SeenIds:
    """A set of 64-bit hashes in one flat array, so that a million sessions cost 16 MB and nothing to collect.

    Beyond `most` ids (five million) the oldest half is forgotten; `forgot` then says so.
    """

    def __init__(self, *, slots: int = _FIRST_SLOTS, most_slots: int = _MOST_SLOTS) -> None:
        self._slots, self._most = slots, most_slots
        self._table = array("Q", bytes(8 * slots))
        self._older: array[int] | None = None
        self._count = 0
        self.forgot = False

    def add(self, id: bytes | str) -> bool:
        """Take in an id; tell whether it was there before."""
        value = (hash(id) & _MASK) or 1
        if self._older is not None and _find(self._older, value)[1]:
            return True
        slot, there = _find(self._table, value)
        if there:
            return True
        self._table[slot] = value
        self._count += 1
        if self._count > self._slots * _FILL:
            self._grow()
        return False

    def _grow(self) -> None:
        if self._slots >= self._most:
            self.forgot = self.forgot or self._older is not None
            self._older, self._table, self._count = self._table, array("Q", bytes(8 * self._slots)), 0
            return
        old, self._slots = self._table, self._slots * 2
        self._table = array("Q", bytes(8 * self._slots))
        _fill(self._table, (value for value in old if value))


def _find(table: "array[int]", value: int) -> tuple[int, bool]:
    """Return where a value is or belongs, and whether it is there."""
    mask = len(table) - 1
    slot = value & mask
    while True:
        found = table[slot]
        if found == value:
            return slot, True
        if not found:
            return slot, False
        slot = (slot + 1) & mask


def _fill(table: "array[int]", values: Iterable[int]) -> None:
    for value in values:
        table[_find(table, value)[0]] = value
