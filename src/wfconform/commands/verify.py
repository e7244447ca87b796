"""`wfconform verify`: whether a bundle is what it says, offline; --rerun: whether its target still is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from wfconform.certificate.complaints import BadBundle
from wfconform.certificate.keys import PublicKey
from wfconform.certificate.levels import CHECKED_AT, required_for
from wfconform.certificate.reading import read_bundle
from wfconform.certificate.values import Certificate
from wfconform.certificate.verifying import Examined, examine
from wfconform.commands.terminal import stdout_console
from wfconform.errors import UsageError
from wfconform.outcomes import Run, Verdict
from wfconform.report.text import plain
from wfconform.requirements import required_at

if TYPE_CHECKING:
    from wfconform.config import Overrides

VALID, NOT_VALID = 0, 1
_SHOWN = 20  # complaints
_UNSIGNED = "not signed: it shows that its files belong together, not who wrote them or that anything was ever tested"
_WHOSE = "whose key that is, --key PUB shows: only with it does the signature mean more than that nothing was changed"


@dataclass(frozen=True, slots=True)
class VerifyCall:
    """What the command line asks for; rerun: a target to test again, as `overrides` describe it."""

    bundle: Path
    key: Path | None = None
    rerun: "Overrides | None" = None
    quiet: bool = False
    no_color: bool = False


def verify(call: VerifyCall) -> int:
    """Verify a bundle and say what is wrong with it; returns 0, 1, or with `rerun` the exit code of that run."""
    key = _public_key(call.key)
    console = stdout_console(no_color=call.no_color)
    try:
        files = read_bundle(call.bundle)
    except BadBundle as error:
        examined = Examined(None, None, (error.complaint,))
    else:
        examined = examine(files, key=key, now=datetime.now(UTC))
    _show(examined, console, key=key, quiet=call.quiet)
    if examined.complaints or examined.certificate is None:
        return NOT_VALID
    return VALID if call.rerun is None else _rerun(call, call.rerun, examined.certificate, console)


def _public_key(path: Path | None) -> PublicKey | None:
    if path is None:
        return None
    try:
        return PublicKey.from_pem(path.read_bytes(), source=f"--key {path}")
    except OSError as error:
        hint = "the file NAME.pub of `wfconform keygen --out NAME`"
        raise UsageError(f"--key: cannot read {path}: {error.strerror}", hint=hint) from None


def _show(examined: Examined, console: Console, *, key: PublicKey | None, quiet: bool) -> None:
    found = examined.certificate
    if found is not None and not quiet:
        for line in _facts(found):
            console.print(Text(plain(line)), soft_wrap=True)
        for line, style in _signed(examined, key):
            console.print(Text(line, style=style), soft_wrap=True)
    for complaint in examined.complaints[:_SHOWN]:
        console.print(Text(plain(str(complaint)), style="red"), soft_wrap=True)
    if len(examined.complaints) > _SHOWN:
        console.print(Text(f"and {len(examined.complaints) - _SHOWN} more", style="red"))
    good = found is not None and not examined.complaints
    verdict = "NOT VALID" if not good else "VALID" if examined.signed_by else "VALID, but not signed"
    console.print(Text(verdict, style="bold green" if good else "bold red"))


def _signed(examined: Examined, key: PublicKey | None) -> Iterator[tuple[str, str]]:
    """Yield who signed it, with a style; a complaint about the signature says it better."""
    if examined.signed_by is None:
        if not examined.complaints:
            yield _UNSIGNED, "yellow"
    elif key is None:
        yield f"signed by the key {examined.signed_by}; {_WHOSE}", ""
    elif key.id == examined.signed_by:
        yield "signed by the given key", ""


def _facts(found: Certificate) -> tuple[str, ...]:
    subject = found.subject
    passed = sum(row.verdict is Verdict.PASS for row in found.requirements)
    other = [f"{row.id} {row.verdict.value}" for row in found.requirements if row.verdict is Verdict.WARN]
    return (
        f"{subject.vendor} {subject.product} {subject.version} at level {found.level}, tested at {subject.base_url}",
        f"{passed} requirements passed with the seeds {', '.join(map(str, found.seeds))}"
        + (f"; {', '.join(other)}" if other else ""),
        *_load_facts(found),
        f"issued {found.issued_at} by {found.tool.name} {found.tool.version}, valid until {found.expires_at}",
    )


def _load_facts(found: Certificate) -> tuple[str, ...]:
    load = found.load
    if load is None:
        return ()
    asked = f"{load.sessions_at_once:,} sessions at once for {load.steady_s:g} s (profile {load.profile})"
    return (f"under load: {asked}, met {'; '.join(load.slo)}",)


# --- the target again


def _rerun(call: VerifyCall, overrides: "Overrides", certified: Certificate, console: Console) -> int:
    """Check the target with the first of the certificate's seeds, and tell what is no longer as certified."""
    from wfconform.commands.check import CheckCall, run_once
    from wfconform.commands.outputs import Outputs
    from wfconform.config import resolve
    from wfconform.conformance.options import DEFAULT_EXAMPLES

    configured = resolve(overrides)
    if configured is None:
        raise UsageError("--rerun: no target", hint="give its base URL, and --config FILE for its workflows")
    seed = certified.seeds[0]
    asked = CheckCall(
        overrides=overrides,
        outputs=Outputs({}),
        seed=seed,
        examples=DEFAULT_EXAMPLES,
        quiet=call.quiet,
        no_color=call.no_color,
    )
    run = run_once(asked, configured, level=CHECKED_AT[certified.level])
    return _compare(run, certified, console)


def _compare(run: Run, certified: Certificate, console: Console) -> int:
    now = {result.id: result for result in run.results}
    under_load = required_for(certified.level) - required_at(CHECKED_AT[certified.level])
    for row in certified.requirements:
        if row.id in under_load:
            continue
        result = now[row.id]
        if result.verdict is not row.verdict and row.verdict is Verdict.PASS:
            said = f"{row.id} passed, now: {result.verdict.value.replace('_', ' ')}: {result.message}"
            console.print(Text(plain(said), style="red"), soft_wrap=True)
    if certified.load is not None:
        again = f"wfconform load … --profile {certified.load.profile} --sessions {certified.load.sessions_at_once}"
        console.print(Text(plain(f"the load run was not repeated: `{again}` does that")), soft_wrap=True)
    for problem in run.problems:
        console.print(Text(f"problem: {plain(problem.message)}", style="red"), soft_wrap=True)
    good = run.exit_code == 0
    words = "STILL AS CERTIFIED" if good else "NO LONGER AS CERTIFIED" if run.exit_code == 1 else "COULD NOT BE SHOWN"
    console.print(Text(f"{words} (re-run ended with {run.exit_code})", style="bold green" if good else "bold red"))
    return run.exit_code
