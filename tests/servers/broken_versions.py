"""Defects in versions: VER."""

import re

from tests.servers.http import Call, RefusedError
from tests.servers.model import ACTIVE, VERSIONS, Ask, Json, Run
from tests.servers.spec import SpecServer
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


@defect("VER-001")
class ZeroIsAbsent(SpecServer):
    """Version 0 is taken for no version."""

    def choose_version(self, ask: Ask) -> int:
        ask.version = ask.version or None
        return super().choose_version(ask)


@defect("VER-001")
class AlwaysActive(SpecServer):
    """A version that exists is looked up, and the active one is run."""

    def choose_version(self, ask: Ask) -> int:
        chosen = super().choose_version(ask)
        return ACTIVE if ask.role == "versioned" else chosen


@defect("VER-002")
class LaterVersionWins(SpecServer):
    """A later turn runs the version that it asks for."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if ask.version is not None and ask.version in VERSIONS:
            run.version = ask.version
        return await super().resume(run, ask)


@defect("VER-002")
class LaterTurnsAreActive(SpecServer):
    """Later turns run the active version."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if run.role == "versioned":
            run.version = ACTIVE
        return await super().resume(run, ask)


class _ReadsLaxly(SpecServer):
    """Reads an invalid version as something else."""

    def read_version(self, call: Call) -> int | None:
        try:
            return super().read_version(call)
        except RefusedError:
            return self.guess(call.query["version"])

    def guess(self, text: str) -> int | None:
        raise NotImplementedError


@defect("VER-003")
class NegativeIsActive(_ReadsLaxly):
    """A negative version is the active one."""

    def guess(self, text: str) -> int | None:
        if re.fullmatch(r"-\d+", text):
            return None
        raise RefusedError(422, "version must be an integer")


@defect("VER-003")
class FractionsAreCut(_ReadsLaxly):
    """1.5 is version 1, which every workflow has."""

    def guess(self, text: str) -> int | None:
        if re.fullmatch(r"\d+\.\d+", text):
            return int(float(text))
        raise RefusedError(422, "version must be an integer")

    def choose_version(self, ask: Ask) -> int:
        if ask.version is not None and ask.version in VERSIONS:
            return ask.version
        return super().choose_version(ask)


@defect("VER-003")
class WordsAreIgnored(_ReadsLaxly):
    """A version that is no number is ignored."""

    def guess(self, text: str) -> int | None:
        if re.fullmatch(r"[a-z]+", text):
            return None
        raise RefusedError(422, "version must be an integer")


@defect("VER-003")
class UnknownIsActive(SpecServer):
    """A version that does not exist falls back to the active one."""

    def choose_version(self, ask: Ask) -> int:
        ask.version = ask.version if ask.version in VERSIONS else None
        return super().choose_version(ask)


@defect("VER-003", "EXE-008")
class UnknownVersionCrashes(SpecServer):
    """A version that does not exist is a 500."""

    def choose_version(self, ask: Ask) -> int:
        if ask.version is not None:
            _ = VERSIONS[ask.version]
        return super().choose_version(ask)


@defect("VER-003")
class VersionsAre32Bits(SpecServer):
    """A version is cut to 32 bits."""

    def choose_version(self, ask: Ask) -> int:
        ask.version = None if ask.version is None else ask.version & 0xFFFFFFFF
        return super().choose_version(ask)


@defect("VER-002")
class PinnedByTheFirstThatIsNamed(SpecServer):
    """A run that was started without a version takes that of the first turn that names one."""

    def create(self, ask: Ask) -> Run:
        run = super().create(ask)
        run.notes["pinned"] = ask.version is not None
        return run

    async def resume(self, run: Run, ask: Ask) -> Json:
        if not run.notes["pinned"] and ask.version is not None and ask.version in VERSIONS:
            run.version, run.notes["pinned"] = ask.version, True
        return await super().resume(run, ask)


@defect("VER-004")
class AbsentIsZero(SpecServer):
    """Without a version, version 0 runs."""

    def choose_version(self, ask: Ask) -> int:
        ask.version = ask.version or 0
        return super().choose_version(ask)


@defect("VER-005")
class BodyVersionSelects(SpecServer):
    """run_input.version_number chooses the version when the query does not."""

    def choose_version(self, ask: Ask) -> int:
        if ask.version is None and ask.role == "versioned":
            ask.version = ask.run_input.get("version_number")
        return super().choose_version(ask)


@defect("VER-006")
class VersionOfTheWorkflow(SpecServer):
    """The version is kept with the workflow: the last session that chose decides for all."""

    current = ACTIVE

    def choose_version(self, ask: Ask) -> int:
        chosen = super().choose_version(ask)
        if ask.role == "versioned":
            self.current = chosen
        return chosen

    def speech(self, run: Run, ask: Ask) -> str:
        return VERSIONS[self.current] if run.role == "versioned" else super().speech(run, ask)
