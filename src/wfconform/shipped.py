"""Finds the files of contracts/, from an installed wheel and from a checkout alike."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from wfconform.errors import HarnessError


@cache
def contracts() -> Traversable:
    """Return the contracts directory; raises HarnessError when the installation lacks it."""
    for candidate in (files("wfconform") / "contracts", Path(__file__).parents[2] / "contracts"):
        if (candidate / "requirements.yaml").is_file():
            return candidate
    raise HarnessError("the contracts/ directory is missing from this installation", hint="reinstall wfconform")


def read_contract(*parts: str) -> str:
    """Return the text of one shipped file, named by its path below contracts/."""
    return contracts().joinpath(*parts).read_text(encoding="utf-8")
