"""`wfconform init`: write a commented target file to fill in."""

import sys
from importlib.resources import files
from pathlib import Path

from wfconform.commands.outputs import try_writing, write_whole
from wfconform.errors import UsageError


def init(path: Path, *, force: bool = False) -> int:
    """Write the starter file; an existing one is kept unless forced."""
    if path.exists() and not force:
        raise UsageError(
            f"{path} already exists", hint="--force replaces it; another path can be given: wfconform init PATH"
        )
    try_writing(path, option="init")
    write_whole(path, starter(), option="init")
    option = "" if path == Path("wfconform.toml") else f" --config {path}"
    sys.stdout.write(
        f"wrote {path}: fill in base_url and the conversation's workflow id, export the key, then run\n"
        f"  wfconform check{option}\n"
    )
    return 0


def starter() -> str:
    """Return the commented target file."""
    return (files("wfconform.commands") / "starter.toml").read_text(encoding="utf-8")
