"""What an answer must show beyond the rules of every history."""

from dataclasses import dataclass

from wfconform.session import Answer, Broken
from wfconform.session.states import CANCELLED, WAITING

ROLE_PREFIX = "role:"  # not a requirement: a role that does not behave as the target file declares


@dataclass(frozen=True, slots=True)
class RoleWaits:
    """The role waits for input after this turn."""

    role: str

    @property
    def ids(self) -> tuple[str, ...]:
        """A pseudo-ID that names the role."""
        return (ROLE_PREFIX + self.role,)

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Compare the status."""
        if answer.status is None:
            return None
        if answer.status == WAITING:
            return True
        return Broken(f"status {WAITING}, as the role {self.role} is declared", repr(answer.status), "$.status")


@dataclass(frozen=True, slots=True)
class EndsAs:
    """The turn ends with this status (STS-010)."""

    role: str
    status: str
    ids: tuple[str, ...] = ("STS-010",)

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Compare the status."""
        if answer.status is None:
            return None
        if answer.status == self.status:
            return True
        expected = f"status {self.status}: so the target file declares the role {self.role}"
        return Broken(expected, repr(answer.status), "$.status")


@dataclass(frozen=True, slots=True)
class IsNotCancelled:
    """Nobody stopped this run: its turn is not cancelled (CAN-007)."""

    ids: tuple[str, ...] = ("CAN-007",)

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Compare the status."""
        if answer.status is None:
            return None
        if answer.status != CANCELLED:
            return True
        return Broken("the turn of a session that nobody stopped", repr(answer.status), "$.status")


@dataclass(frozen=True, slots=True)
class StaysCancelled:
    """The run stays as a stop left it; where no stop works, or lasts, that is CAN-001's or CAN-002's."""

    ids: tuple[str, ...]

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Compare the status."""
        if answer.status is None:
            return None
        if answer.status == CANCELLED:
            return True
        return Broken("a refusal, or the run that was stopped", repr(answer.status), "$.status", ("CAN-001", "CAN-002"))


@dataclass(frozen=True, slots=True)
class ComesBackWhole:
    """The text is in the answer, unchanged (EXE-013)."""

    text: str
    what: str
    ids: tuple[str, ...] = ("EXE-013",)
    roots: tuple[str, ...] = ()

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Search what the server said."""
        if not answer.events:
            return None
        if any(self.text in said for said in answer.spoken):
            return True
        longest = max(answer.spoken, key=lambda said: _likeness(said, self.text), default="")
        nearest = f"nearest: {longest[:120]!r} ({len(longest)} characters)"
        return Broken(f"the text whole ({self.what})", nearest, "$.events", self.roots)


def _likeness(said: str, text: str) -> int:
    return len(set(said) & set(text)) * 1000 - abs(len(said) - len(text))


@dataclass(frozen=True, slots=True)
class SaysVersion:
    """The answer carries the text of its version and of no other; settles: having no text at all is broken too.

    others: the texts of the other versions; roots: as in Broken.
    """

    text: str
    others: tuple[str, ...]
    ids: tuple[str, ...]
    settles: bool = True
    roots: tuple[str, ...] = ()

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Search what the server said."""
        if not answer.events:
            return None
        said = "\n".join(answer.spoken)
        for other in sorted(self.others, key=len, reverse=True):
            if self.text in other:
                said = said.replace(other, "")
        if self.text in said:
            return True
        seen = next((other for other in self.others if any(other in one for one in answer.spoken)), None)
        if seen is None and not self.settles:
            return None
        shown = repr(seen) if seen else "no version's text"
        return Broken(f"the version's text {self.text!r}", shown, "$.events", self.roots)
