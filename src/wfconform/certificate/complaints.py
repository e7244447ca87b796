"""What is wrong with a bundle: which file, and what about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong; where: a file of the bundle, or the part of it that was judged."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class BadBundle(ValueError):
    """A bundle that cannot be read further; `complaint` says where and why."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.complaint = Complaint(where, what)
