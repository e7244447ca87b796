"""`wfconform selftest`: the reference and its variants pass, every fault is caught by exactly what it breaks."""

import asyncio
import logging
import os
import selectors
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from wfconform.commands.embedded import embedded_reference
from wfconform.commands.outputs import STDOUT, try_writing, write_whole
from wfconform.commands.terminal import stderr_console, stdout_console
from wfconform.config import Overrides, configure, parse_document
from wfconform.conformance import run_check
from wfconform.conformance.durability import Durability
from wfconform.conformance.options import CheckOptions
from wfconform.errors import UsageError
from wfconform.outcomes import Run, Verdict
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, describe, serving
from wfconform.reference.database import DATABASE, RUNS
from wfconform.reference.faults import FAULTS, Fault
from wfconform.reference.parts import Change
from wfconform.reference.variants import VARIANTS, Variant
from wfconform.report import matrix
from wfconform.report.matrix import Row
from wfconform.target import RestartAccess, Target

REFERENCE, VARIANT, FAULT = "reference", "variant", "fault"
IN_PROCESS = "http://wfconform.invalid"
DURABLE = "durable"
_URL = "SELFTEST_MONGO_URL"
_KEYS = {"SELFTEST_KEY": DEVELOPMENT_KEY, "SELFTEST_SECOND_KEY": SECOND_DEVELOPMENT_KEY, _URL: "mongodb://embedded"}
_TIMEOUT_S = 10
_REPORTED = (Verdict.FAIL, Verdict.WARN, Verdict.ERROR)
_LEAD = (
    "Made by `wfconform selftest --declared --markdown docs/matrix.md` from the tables in `src/wfconform/reference/`; "
    "do not edit. `wfconform selftest` shows that it is true: each fault is reported under the requirements marked, "
    "all of them and no other, and nothing is reported about a conforming variant but the SHOULDs beside it."
)


@dataclass(frozen=True, slots=True)
class Case:
    """One server. expected: the requirements that must be reported, all and no other."""

    name: str
    kind: str
    sentence: str
    expected: frozenset[str] = frozenset()
    reason: str = ""
    changes: tuple[Change, ...] = ()
    live: bool = False
    level: str = "full"
    prefix: str = ""
    concurrency: int = 8
    target: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        """The case in the matrix, before it is run."""
        return Row(self.name, self.kind, self.sentence, self.expected, self.reason)


@cache
def cases() -> Mapping[str, Case]:
    """Return every case by its name: the reference, the variants, the faults."""
    every = [
        Case("reference", REFERENCE, "The reference as it is.", level=DURABLE),
        Case(
            "reference-over-a-socket",
            REFERENCE,
            "The reference as it is, on a loopback port.",
            live=True,
            level=DURABLE,
        ),
        *map(_variant_case, VARIANTS),
        *map(_fault_case, FAULTS),
    ]
    return {case.name: case for case in every}


def _variant_case(variant: Variant) -> Case:
    return Case(
        variant.name,
        VARIANT,
        variant.sentence,
        variant.warns,
        changes=(variant.apply,),
        live=variant.live,
        level=variant.level,
        prefix=variant.prefix,
        target=variant.target,
    )


def _fault_case(fault: Fault) -> Case:
    concurrency = 1 if fault.strays else CheckOptions().concurrency
    return Case(
        fault.name,
        FAULT,
        fault.sentence,
        fault.breaks,
        fault.reason,
        (fault.apply,),
        fault.live,
        level=DURABLE if any(id.startswith("DUR-") for id in fault.breaks) else "full",
        concurrency=concurrency,
    )


# --- one case


class _ImpatientSelector(selectors.DefaultSelector):
    """Waits for nothing when nothing is ready, and adds up what it should have waited."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; without a timeout nothing is due, so that is waited for."""
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.skipped_s += max(0.0, timeout)
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to what is due next: an application called in-process keeps nobody waiting."""

    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Return the time, with all that was skipped."""
        return super().time() + self._impatient.skipped_s


def judge(name: str, seed: int) -> Row:
    """Check one case and return its row."""
    case = cases()[name]
    begun_s = time.perf_counter()
    run = _checked(case, CheckOptions(level=case.level, seed=seed, concurrency=case.concurrency))
    reported = {result.id: result.message for result in run.results if result.verdict in _REPORTED}
    untrusted = () if case.kind == FAULT else tuple(problem.message for problem in run.problems)
    return replace(
        case.row,
        found=frozenset(reported),
        problems=untrusted,
        messages=tuple(f"{id}: {said}" for id, said in reported.items() if id not in case.expected),
        took_s=time.perf_counter() - begun_s,
    )


def _checked(case: Case, options: CheckOptions) -> Run:
    """Check a server; only at level durable are its records looked at, and is it restarted."""
    target = target_of(case, IN_PROCESS)
    field = target.storage.status_field if target.storage else ""
    app, reach = embedded_reference(changes=case.changes, status_field=field)
    durability = reach if case.level == DURABLE else Durability()
    if case.live:
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())  # a torn answer is meant
        with serving(app) as base_url:
            return asyncio.run(run_check(target_of(case, base_url), options, durability=durability))
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run_check(target, options, app=app, durability=durability))


def target_of(case: Case, base_url: str) -> Target:
    """Return the description of a case's server."""
    document: dict[str, Any] = describe(base_url + case.prefix)
    first, second, _ = _KEYS
    document["target"] |= {"api_key_env": first, "second_api_key_env": second, "timeout_s": _TIMEOUT_S}
    if case.level == DURABLE:
        document["storage"] = {"mongo_url_env": _URL, "database": DATABASE, "collection": RUNS}
    for table, values in case.target.items():
        document.setdefault(table, {}).update(values)
    target = configure(parse_document(document, source=case.name), environ=_KEYS, overrides=Overrides()).target
    return replace(target, restart=RestartAccess()) if case.level == DURABLE else target


# --- all of them


@dataclass(frozen=True, slots=True)
class SelftestCall:
    """What the command line asks for; only: names, none for all; declared: the tables as they are, without a run."""

    only: tuple[str, ...] = ()
    seed: int = 1
    jobs: int | None = None
    json: str | None = None
    markdown: str | None = None
    declared: bool = False
    quiet: bool = False
    no_color: bool = False


def selftest(call: SelftestCall) -> int:
    """Run the cases, write the matrix; return 0 when all is as declared, else 1."""
    chosen = _chosen(call.only)
    for option, path in (("--json", call.json), ("--markdown", call.markdown)):
        if path not in (None, STDOUT):
            try_writing(Path(str(path)), option=option)
    rows = [case.row for case in chosen] if call.declared else _run_all(chosen, call)
    _write(rows, call)
    return 0 if all(row.as_it_should for row in rows) else 1


def declared_matrix() -> str:
    """Return the matrix as the tables declare it, in Markdown: what docs/matrix.md holds."""
    return _markdown([case.row for case in cases().values()])


def _chosen(only: Sequence[str]) -> list[Case]:
    for name in only:
        if name not in cases():
            near = get_close_matches(name, cases(), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`wfconform serve --list-faults` lists the faults"
            raise UsageError(f"--only: there is no fault, variant or server {name!r}", hint=hint)
    return [case for case in cases().values() if not only or case.name in only]


def _run_all(chosen: Sequence[Case], call: SelftestCall) -> list[Row]:
    """Run cases in processes of their own: a check keeps a processor busy."""
    console = stderr_console(no_color=call.no_color)
    jobs = min(call.jobs or os.cpu_count() or 1, len(chosen))
    done: dict[str, Row] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        # Those that wait for a real clock first: their waits are filled by the others.
        ordered = sorted(chosen, key=lambda case: not case.live)
        futures = {pool.submit(judge, case.name, call.seed): case for case in ordered}
        try:
            for row in _finished(futures):
                done[row.name] = row
                _tell(row, len(done), len(chosen), console, quiet=call.quiet)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[case.name] for case in chosen]


def _finished(futures: Mapping[Future[Row], Case]) -> Iterator[Row]:
    for future in as_completed(futures):
        error = future.exception()
        if error is None:
            yield future.result()
        else:
            yield replace(futures[future].row, problems=(f"the harness failed: {type(error).__name__}: {error}",))


def _tell(row: Row, done: int, total: int, console: Console, *, quiet: bool) -> None:
    if not row.as_it_should:
        wrong = [*(f"{id} missed" for id in sorted(row.missed)), *row.messages, *row.problems]
        console.print(Text(f"{row.name}: {'; '.join(wrong)}", style="red"), soft_wrap=True)
    elif not quiet and done % 25 == 0:
        console.print(Text(f"{done} of {total} servers checked"))


def _write(rows: Sequence[Row], call: SelftestCall) -> None:
    for option, path, text in (
        ("--json", call.json, matrix.as_json(rows, seed=call.seed)),
        ("--markdown", call.markdown, _markdown(rows)),
    ):
        if path == STDOUT:
            sys.stdout.write(text)
        elif path is not None:
            write_whole(Path(path), text, option=option)
    taken = STDOUT in (call.json, call.markdown)
    console = (stderr_console if taken else stdout_console)(no_color=call.no_color)
    if call.quiet:
        console.print(Text(matrix.summary(rows)))
    elif not call.declared or not (call.json or call.markdown):
        matrix.show(rows, console)


def _markdown(rows: Sequence[Row]) -> str:
    return matrix.as_markdown(rows, title="Faults and requirements", lead=_LEAD)
