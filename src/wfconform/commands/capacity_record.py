"""The record of a capacity run: a line for what is searched, and a line for each step as soon as it is done.

A run that was ended, in whatever way, goes on from its record: the steps are replayed into the search.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec

from wfconform.commands.outputs import try_writing
from wfconform.errors import UsageError
from wfconform.load.capacity.values import Settings, StepResult

_KIND = "wfconform capacity 1"
_ANOTHER = "give a path of its own: the file is made when it is not there"
_FREE = ("budget_s", "tolerance")
"""What may change from one run to the next."""


class Record:
    """The file of --resume; made when it is not there yet."""

    def __init__(self, path: Path, settings: Settings, about: Mapping[str, object]) -> None:
        self._path = path
        searched = {name: value for name, value in asdict(settings).items() if name not in _FREE}
        self._head: dict[str, object] = {"kind": _KIND, "settings": searched, **about}

    def steps(self) -> list[StepResult]:
        """Return the steps recorded so far; raises UsageError for a record of another search, or no record."""
        if not self._path.exists() or not self._path.stat().st_size:
            try_writing(self._path, option="--resume")
            self._path.write_bytes(msgspec.json.encode(self._head) + b"\n")
            return []
        try:
            head, *lines = self._path.read_bytes().splitlines(keepends=True)
            found = msgspec.json.decode(head)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise UsageError(f"--resume: {self._path} is no record of a capacity run: {error}", hint=_ANOTHER) from None
        self._compare(found)
        steps = [self._step(line, at) for at, line in enumerate(lines, 2) if line.endswith(b"\n")]
        self._drop_half_line(head, lines)
        return steps

    def _step(self, line: bytes, at: int) -> StepResult:
        try:
            return msgspec.json.decode(line, type=StepResult)
        except (msgspec.MsgspecError, ValueError) as error:
            raise UsageError(
                f"--resume: {self._path}, line {at}, is no step of a capacity run: {error}",
                hint="cut the file off before that line to go on from there, or give another path",
            ) from None

    def add(self, step: StepResult) -> None:
        """Write a step down; raises OSError when the file can no longer be written."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(step) + b"\n")

    def _compare(self, found: object) -> None:
        wanted = msgspec.to_builtins(self._head)
        if not isinstance(found, dict) or found.get("kind") != _KIND:
            raise UsageError(f"--resume: {self._path} is no record of a capacity run", hint=_ANOTHER)
        other = [name for name in wanted if msgspec.json.encode(found.get(name)) != msgspec.json.encode(wanted[name])]
        if other:
            raise UsageError(
                f"--resume: {self._path} is the record of another search ({', '.join(other)} differ)",
                hint="give the same target and options, or another path",
            )

    def _drop_half_line(self, head: bytes, lines: list[bytes]) -> None:
        """Cut off what a process that was killed had half written."""
        if lines and not lines[-1].endswith(b"\n"):
            self._path.write_bytes(b"".join([head, *lines[:-1]]))
