"""The report files of a run: tried before it, written whole or not at all after it."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wfconform.errors import UsageError
from wfconform.outcomes import Run
from wfconform.report import csv, html, json, junit, markdown, sarif

STDOUT = "-"
_RENDER: Mapping[str, Callable[[Run], str]] = {
    "json": json.render,
    "html": html.render,
    "csv": csv.render,
    "junit": junit.render,
    "markdown": markdown.render,
    "sarif": sarif.render,
}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where each report goes, by its kind (`json`, `html`, `csv`, `junit`, `markdown`, `sarif`); "-" is stdout.

    Beside a CSV file NAME.csv goes NAME.figures.csv.
    """

    paths: Mapping[str, str]

    @classmethod
    def of(cls, **paths: str | None) -> Self:
        """Return the outputs that were asked for."""
        return cls({kind: path for kind, path in paths.items() if path})

    @property
    def files(self) -> Mapping[str, str]:
        """Those that go to a file, by kind."""
        return {kind: path for kind, path in self.paths.items() if path != STDOUT}

    @property
    def takes_stdout(self) -> bool:
        """Whether stdout belongs to a report, so that nothing else may be printed there."""
        return STDOUT in self.paths.values()

    def prepare(self) -> None:
        """Make the directories and try each file; raises UsageError when one could not be written."""
        seen: dict[str, str] = {}
        for kind, path in self.paths.items():
            place = path if path == STDOUT else str(Path(path).resolve())
            if place in seen:
                raise UsageError(
                    f"--{seen[place]} and --{kind} both write to {path}", hint="give each a path of its own"
                )
            seen[place] = kind
            if path != STDOUT:
                try_writing(Path(path), option=f"--{kind}")

    def write(self, run: Run) -> None:
        """Write every report; raises UsageError when a file can no longer be written."""
        for kind, path in self.paths.items():
            text = _RENDER[kind](run)
            if path == STDOUT:
                sys.stdout.write(text)
            else:
                write_whole(Path(path), text, option=f"--{kind}")
                if kind == "csv":
                    write_whole(figures_path(Path(path)), csv.render_figures(run), option="--csv")


def figures_path(path: Path) -> Path:
    """Return where the second CSV table goes: beside the first one."""
    return path.with_name(f"{path.name.removesuffix('.csv')}.figures.csv")


def try_writing(path: Path, *, option: str) -> None:
    """Make the parent directories and see that a file can be written there, without touching what is there."""
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        path.parent.mkdir(parents=True, exist_ok=True)
        if _replaceable(path):
            trial = _beside(path)
            trial.touch(exist_ok=False)
            trial.unlink()
    except OSError as error:
        raise _unwritable(path, option, error) from None


def write_whole(path: Path, text: str, *, option: str) -> None:
    """Write a file under another name, then move it into place; a device or a pipe is written directly."""
    try:
        if not _replaceable(path):
            path.write_text(text, encoding="utf-8")
            return
        beside = _beside(path)
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.replace(path.resolve())
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, option, error) from None


def _replaceable(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _beside(path: Path) -> Path:
    place = path.resolve()
    return place.with_name(f".{place.name[:200]}.{os.getpid()}.tmp")


def _unwritable(path: Path, option: str, error: OSError) -> UsageError:
    return UsageError(f"{option}: cannot write {path}: {error.strerror}", hint="choose a path that can be written")
