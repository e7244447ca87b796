"""`wfconform check --replay`: what a report says failed, and nothing else, tried again against the same target."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from wfconform.config import Overrides, read_document, read_environment
from wfconform.config.resolve import DEFAULT_FILE, overridden
from wfconform.conformance.abilities import phases_of
from wfconform.conformance.options import CheckOptions, Progress
from wfconform.errors import UsageError
from wfconform.outcomes import RequirementResult, Run, Verdict
from wfconform.report.json import Report
from wfconform.report.text import clipped, plain
from wfconform.report.verdicts import exit_meaning
from wfconform.reproduce import KEY_NAME, SECOND_KEY_NAME
from wfconform.requirements import catalogue, select
from wfconform.target import Target

if TYPE_CHECKING:
    from wfconform.conformance.durability import Durability

FAILURES = (Verdict.FAIL, Verdict.WARN, Verdict.ERROR)
_SHOWN = 300
_LARGEST = 256 * 1024 * 1024  # bytes; no report comes near


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a report says failed: the target, how it was tested, the requirements, the scenarios that showed it.

    examples, explore: how much was generated, where a generated phase is among what showed it.
    """

    base_url: str
    level: str
    seed: int
    strict: bool
    ids: tuple[str, ...]
    scenarios: frozenset[str]
    examples: int = 0
    explore: int = 0


def recorded(path: Path, only: Sequence[str]) -> Recorded:
    """Read a report; `only` picks requirements or groups of it. Raises UsageError for what cannot be replayed."""
    report = _read(path)
    failed = {one.id: one for one in report.requirements if one.verdict in FAILURES and one.id in catalogue()}
    chosen = _chosen(failed, only, path)
    scenarios = frozenset(shown.scenario for id in chosen for shown in failed[id].evidence)
    generated = phases_of(scenarios)
    asked = {phase.name: phase.examples for phase in report.phases if phase.name in generated}
    explore = asked.pop("explored", 0)
    return Recorded(
        base_url=str(report.target.get("base_url", "")),
        level=report.level,
        seed=report.seed,
        strict=report.strict,
        ids=tuple(chosen),
        scenarios=scenarios,
        examples=max(asked.values(), default=0),
        explore=explore,
    )


def _read(path: Path) -> Report:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"--replay: {path} is too large for a report", hint=_HINT)
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--replay: cannot read {path}: {error.strerror}", hint=_HINT) from None
    except ValidationError:
        raise UsageError(f"--replay: {path} is no report of this program", hint=_HINT) from None


_HINT = "give a file that `wfconform check --json PATH` wrote"


def _chosen(failed: Mapping[str, object], only: Sequence[str], path: Path) -> list[str]:
    if not failed:
        raise UsageError(f"--replay: nothing failed in {path}", hint="there is nothing to try again")
    wanted = select(tuple(only)) if only else frozenset(failed)
    chosen = [id for id in failed if id in wanted]
    for one in only:
        if select((one,)).isdisjoint(chosen):
            raise UsageError(f"--replay: {one} did not fail in {path}", hint=f"what did: {', '.join(failed)}")
    return chosen


async def play_again(
    target: Target,
    record: Recorded,
    options: CheckOptions,
    *,
    progress: Progress | None = None,
    interrupted: asyncio.Event | None = None,
    durability: "Durability | None" = None,
) -> Run:
    """Play the scenarios that a report names, with its seed and level, and judge what failed in it."""
    from wfconform.conformance import run_check

    again = replace(
        options,
        level=record.level,
        seed=record.seed,
        strict=options.strict or record.strict,
        only=record.ids,
        skip=(),
        scenarios=record.scenarios,
        scripted=True,
        examples=record.examples,
        explore=record.explore,
    )
    return await run_check(target, again, progress=progress, interrupted=interrupted, durability=durability)


def show(run: Run, console: Console) -> None:
    """Print what became of each requirement, and which generated phases were played again for it."""
    for phase in run.phases:
        again = f"generated again with the seed {run.seed}: {phase.name}, {phase.requests} requests"
        console.print(Text(again, style="dim"), soft_wrap=True)
    for result in run.results:
        words, style = _became(result)
        said = Text(f"{result.id} {words}", style=style)
        if result.message:
            said.append(f": {clipped(result.message, _SHOWN)}", style="not bold default")
        scenario = result.evidence[0].scenario if result.evidence else ""
        console.print(said.append(f" ({plain(scenario)})" if scenario else "", style="dim not bold"), soft_wrap=True)
    for problem in run.problems:
        console.print(Text(f"problem: {plain(problem.message)}", style="bold red"), soft_wrap=True)
    counted = [_became(result)[0] for result in run.results]
    parts = [f"{counted.count(words)} {words}" for words in dict.fromkeys(counted)]
    console.print(Text(f"{', '.join(parts)} ({exit_meaning(run)})", style="bold"), soft_wrap=True)


def _became(result: RequirementResult) -> tuple[str, str]:
    if result.verdict in FAILURES:
        return "still fails", "bold red"
    if result.verdict is Verdict.NOT_TESTED:
        return "not exercised", "yellow"
    return (
        ("still fails, as expected", "magenta")
        if result.verdict is Verdict.EXPECTED_FAILURE
        else ("no longer fails", "green")
    )


def key_names(overrides: Overrides) -> tuple[str, str]:
    """Return the environment variables that the target's keys came from, as the configuration finds them."""
    env = read_environment()
    named = overrides.config or env.config or (Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None)
    table = read_document(named, overridden=overridden(overrides, env)).target if named else None
    first = overrides.api_key_env or (None if os.environ.get(KEY_NAME) else table and table.api_key_env)
    second = overrides.second_api_key_env or (
        None if os.environ.get(SECOND_KEY_NAME) else table and table.second_api_key_env
    )
    return first or KEY_NAME, second or SECOND_KEY_NAME
