"""`wfconform selftest`: the reference and its variants pass, every fault is caught by exactly what it breaks."""

import asyncio
import os
import selectors
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from wfconform.config import configure, parse_document
from wfconform.conformance import run_check
from wfconform.conformance.options import CheckOptions
from wfconform.config import Overrides
from wfconform.outcomes import Run, Verdict
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, describe, embedded_app, serving
from wfconform.reference.faults import FAULTS
from wfconform.reference.parts import Change
from wfconform.target import Target

_KEYS = {"SELFTEST_KEY": DEVELOPMENT_KEY, "SELFTEST_SECOND_KEY": SECOND_DEVELOPMENT_KEY}
_BAD = (Verdict.FAIL, Verdict.WARN, Verdict.ERROR)


class _ImpatientSelector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Waits for nothing when nothing is ready; adds up what it should have waited."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.skipped_s += max(0.0, timeout)
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is due; for applications called in-process."""

    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Return the time with all that was skipped."""
        return super().time() + self._impatient.skipped_s


@dataclass(frozen=True, slots=True)
class Case:
    """One server to test. expected: what must be reported, all of it and no more."""

    name: str
    sentence: str
    kind: str
    expected: frozenset[str] = frozenset()
    changes: tuple[Change, ...] = ()
    live: bool = False
    level: str = "full"
    target: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def cases() -> dict[str, Case]:
    """Return every case by its name."""
    every = [
        Case("reference", "The reference as it is.", "reference"),
        *(Case(f.name, f.sentence, "fault", f.breaks, (f.apply,), f.live) for f in FAULTS),
    ]
    return {case.name: case for case in every}


@dataclass(frozen=True, slots=True)
class Judged:
    """What was reported about a case."""

    name: str
    found: frozenset[str]
    problems: tuple[str, ...]
    took_s: float
    run: Run | None = None


def judge(name: str, seed: int) -> Judged:
    """Check one case."""
    case = cases()[name]
    begun_s = time.perf_counter()
    app = embedded_app(changes=case.changes)
    options = CheckOptions(level=case.level, seed=seed)
    if case.live:
        with serving(app) as base_url:
            run = asyncio.run(run_check(_target(case, base_url), options))
    else:
        with asyncio.Runner(loop_factory=HurriedLoop) as runner:
            run = runner.run(run_check(_target(case, "http://wfconform.invalid"), options, app=app))
    found = frozenset(result.id for result in run.results if result.verdict in _BAD)
    problems = tuple(problem.message for problem in run.problems)
    return Judged(name, found, problems, time.perf_counter() - begun_s, run)


def _target(case: Case, base_url: str) -> Target:
    document: dict[str, Any] = describe(base_url)
    first, second = _KEYS
    document["target"] |= {"api_key_env": first, "second_api_key_env": second, "timeout_s": 10}
    for table, values in case.target.items():
        document.setdefault(table, {}).update(values)
    parsed = parse_document(document, source=case.name)
    return configure(parsed, environ=_KEYS, overrides=Overrides()).target
