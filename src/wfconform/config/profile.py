"""Load profiles: TOML files, shipped under contracts/profiles or the user's own, read into a Plan."""

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from wfconform.config.complaints import config_error
from wfconform.config.values import seconds, text
from wfconform.errors import ConfigError, SloError, UsageError
from wfconform.load.plan import Distribution, Model, Phase, Plan, Stage
from wfconform.load.profile import LONGEST_S, MOST_SESSIONS, mix_of, texts_of, think_of, turns_of
from wfconform.load.slo import parse_slo
from wfconform.shipped import contracts

LARGEST_FILE = 64 * 1024 * 1024  # bytes


def _level(value: float | list[float]) -> tuple[float, float]:
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2 or not all(math.isfinite(end) and 0 <= end <= MOST_SESSIONS for end in ends):
        raise ValueError(f"must be a number from 0 to {MOST_SESSIONS:,}, or [from, to] for a straight line")
    return float(ends[0]), float(ends[1])


def _duration(value: float) -> float:
    if seconds(value) > LONGEST_S:
        raise ValueError("must be at most a week")
    return value


def _slo(value: str) -> str:
    try:
        return str(parse_slo(value))
    except SloError as error:
        raise ValueError(f"{error}\n  {error.hint}") from None


Level = Annotated[float | list[float], AfterValidator(_level)]
Duration = Annotated[float, AfterValidator(_duration)]
Wait = Annotated[float, Field(ge=0, le=LONGEST_S)]
SloText = Annotated[str, AfterValidator(_slo)]
Name = Annotated[str, AfterValidator(text)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ThinkTable(_Table):
    """`think`: how long a user waits between two turns."""

    distribution: Distribution = "exponential"
    mean_s: Wait = 1.0
    spread: Annotated[float, Field(ge=0)] = 0.0


class StageTable(_Table):
    """One `[[stage]]`: sessions at once, or arrivals per second, and for how long."""

    name: Name | None = None
    phase: Phase = "steady"
    duration_s: Duration
    sessions: Level | None = None
    arrivals: Level | None = None

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        if (self.sessions is None) == (self.arrivals is None):
            raise ValueError("must have either sessions (at once) or arrivals (per second)")
        return self

    def as_stage(self) -> Stage:
        """Return it as a value of the plan."""
        model: Model = "closed" if self.arrivals is None else "open"
        level: Any = self.sessions if self.arrivals is None else self.arrivals
        return Stage(self.name or self.phase, model, self.phase, self.duration_s, *level)


class Profile(_Table):
    """A whole profile."""

    description: str = ""
    stage: Annotated[list[StageTable], Field(min_length=1)]
    mix: dict[str, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(default_factory=lambda: {"complete": 1.0})
    think: ThinkTable = Field(default_factory=ThinkTable)
    turns: list[int] | int = 5
    slo: list[SloText] = Field(default_factory=list)
    abort: bool = False
    refusal_wait_s: Wait = 30.0
    stop_timeout_s: Duration = 30.0
    text_file: Name | None = None
    seed: int = 1
    leave_open: bool = False

    @model_validator(mode="after")
    def _runs_something(self) -> Self:
        stages = [stage.as_stage() for stage in self.stage]
        if not any(stage.phase == "steady" for stage in stages):
            raise ValueError('no stage has phase = "steady": figures come from those alone')
        if len({stage.model for stage in stages}) > 1:
            raise ValueError("stages have sessions and arrivals: one profile keeps to one of them")
        if not any(max(stage.start, stage.end) for stage in stages):
            raise ValueError("no stage has a level above 0: nothing would run")
        return self


def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles, in order."""
    folder = contracts() / "profiles"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def describe_profiles() -> dict[str, str]:
    """Return the shipped profiles' descriptions by name."""
    return {name: _checked(_shipped(name), name).description for name in profile_names()}


def read_profile(name: str) -> Plan:
    """Return the plan of a shipped profile, or of a file; raises ConfigError with file, key and what to do."""
    if name in profile_names():
        return _plan(_checked(_shipped(name), name), name=name, source=name, folder=Path())
    path = Path(name)
    if not path.suffix and not path.exists() and path.name == name:
        raise ConfigError(
            f"there is no profile {name[:60]!r}",
            hint=f"one of: {', '.join(profile_names())}; or the path of a .toml file",
        )
    return _plan(_checked(read_text(path), str(path)), name=path.stem, source=str(path), folder=path.parent)


def read_texts(path: Path, *, where: str) -> tuple[str, ...]:
    """Return the texts of a file, one a line."""
    try:
        return texts_of(read_text(path, wanted="a file with one text a line"), where=f"{where}: {path}")
    except ConfigError as error:
        raise UsageError(f"{where}: {error}", hint=error.hint) from None


def read_text(path: Path, *, wanted: str = "") -> str:
    """Return a file's text; raises ConfigError when it cannot be read, is no UTF-8, or is too large.

    wanted: what to give instead of a file that cannot be read; nothing: a profile.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path}: is larger than {LARGEST_FILE // 2**20} MiB", hint="give a smaller file")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = f"give {wanted}" if wanted else f"shipped profiles: {', '.join(profile_names())}"
        raise ConfigError(f"{path}: no such file", hint=hint) from None
    except OSError as error:
        hint = f"give {wanted}" if wanted else ""
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from None


def _shipped(name: str) -> str:
    return (contracts() / "profiles" / f"{name}.toml").read_text(encoding="utf-8")


def _checked(content: str, source: str) -> Profile:
    try:
        return Profile.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{source}: is not valid TOML: {error}", hint="strings are in quotes, each stage under [[stage]]"
        ) from None
    except ValidationError as error:
        raise config_error(error, Profile, source=source) from None


def _plan(profile: Profile, *, name: str, source: str, folder: Path) -> Plan:
    ends = profile.turns if isinstance(profile.turns, list) else [profile.turns, profile.turns]
    if len(ends) != 2:
        raise ConfigError(f"{source}: turns: must be a number, or [least, most]")
    thinking = profile.think
    texts = read_texts(folder / profile.text_file, where=f"{source}: text_file") if profile.text_file else ()
    return Plan(
        profile=name,
        stages=tuple(stage.as_stage() for stage in profile.stage),
        mix=mix_of(profile.mix, where=f"{source}: mix"),
        think=think_of(thinking.distribution, thinking.mean_s, thinking.spread, where=f"{source}: think"),
        turns=turns_of(*ends, where=f"{source}: turns"),
        slos=tuple(profile.slo),
        abort=profile.abort,
        refusal_wait_s=profile.refusal_wait_s,
        stop_timeout_s=profile.stop_timeout_s,
        texts=texts,
        seed=profile.seed,
        leave_open=profile.leave_open,
    )
