"""A server that does not come up the first times; in a module that a process of its own can import."""

import os
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from wfconform.reference import embedded_app


@dataclass
class Stumbling:
    """A recipe whose process dies while it is made, so many times."""

    place: Path
    times: int

    def build(self) -> ASGIApp:
        fallen = len(list(self.place.iterdir()))
        if fallen < self.times:
            (self.place / str(fallen)).touch()
            os._exit(1)
        return embedded_app()
