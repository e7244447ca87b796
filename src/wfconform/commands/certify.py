"""`wfconform certify`: what a level asks for, run; when all of it passed, the bundle that says so, sealed."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from wfconform.certificate.badge import badge
from wfconform.certificate.bundle import CERTIFICATE, packed, sealed
from wfconform.certificate.issuing import Claim, certificate, expires_at, lacking, moment, verdicts_of, worst_of
from wfconform.certificate.keys import SigningKey
from wfconform.certificate.levels import CHECKED_AT, LOAD, SEEDS_AT_LEAST, required_for
from wfconform.commands import load as loading
from wfconform.commands.check import CheckCall, run_once, wants_embedded
from wfconform.commands.outputs import Outputs, try_writing
from wfconform.commands.reference_process import reference_process
from wfconform.commands.terminal import stderr_console, stdout_console
from wfconform.config import Configured, Overrides, read_environment, resolve
from wfconform.conformance.options import DEFAULT_EXAMPLES
from wfconform.errors import NotTestable, UsageError, UserError
from wfconform.load.profile import Changes
from wfconform.outcomes import Certification, Phase, RequirementResult, Run
from wfconform.report import console as console_report
from wfconform.report import html, json, junit
from wfconform.report.redaction import redact_bodies
from wfconform.report.text import plain
from wfconform.requirements import catalogue
from wfconform.target import Target

if TYPE_CHECKING:
    from wfconform.conformance.durability import Durability

LOAD_REPORT, LOAD_PROFILE = "evidence/load.json", "steady"
KEY_VARIABLE = "WFCONFORM_SIGNING_KEY"
UNSIGNED = "not signed: anybody could have written it (`wfconform keygen` makes a key, --key signs with it)"
_RENDER: Mapping[str, Callable[[Run], str]] = {
    "report.json": json.render,
    "report.html": html.render,
    "junit.xml": junit.render,
}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class CertifyCall:
    """What the command line asks for; key: the file of the signing key, else the environment's, else unsigned.

    profile, load: what the load run of level load does.
    """

    overrides: Overrides
    claim: Claim
    out: Path
    embedded: bool = False
    as_zip: bool = False
    key: Path | None = None
    seeds: tuple[int, ...] = (1, 2, 3)
    concurrency: int = 8
    profile: str | None = None
    load: Changes = field(default_factory=Changes)
    redact_bodies: bool = False
    quiet: bool = False
    no_color: bool = False


Part = Callable[["CertifyCall", Configured, "Durability | None"], Mapping[str, Run]]


def certify(call: CertifyCall) -> int:
    """Run what the level asks for and write the bundle; returns 0, or the exit code of the run that is in the way."""
    required = required_for(call.claim.level)
    _check_claim(call)
    _check_load(call)
    key = signing_key(call.key)
    place = _place(call)
    with _target(call) as (configured, durability):
        _refuse_beforehand(call, configured.target)
        runs: dict[str, Run] = {}
        for part in PARTS[call.claim.level]:
            runs |= part(call, configured, durability)
            stopped = next((run for run in runs.values() if run.exit_code), None)
            if stopped is not None:
                return _refused(call, stopped)
    missing = lacking(worst_of([verdicts_of(run) for run in runs.values()]), required)
    if missing:
        listed = ", ".join(f"{id} ({verdict.value.replace('_', ' ')})" for id, verdict in missing.items())
        raise NotTestable(f"no certificate at level {call.claim.level}: {listed}", hint="every MUST of it has to pass")
    _write(place, bundle(call, runs, key), as_zip=call.as_zip)
    return _tell(call, place, key)


# --- what runs, by level


def _conformance(call: CertifyCall, configured: Configured, durability: "Durability | None") -> Mapping[str, Run]:
    """Run the check, generated requests too, once for each seed; ends at the first run that does not end with 0."""
    runs: dict[str, Run] = {}
    for seed in call.seeds:
        asked = CheckCall(
            overrides=call.overrides,
            outputs=Outputs({}),
            level=CHECKED_AT[call.claim.level],
            seed=seed,
            concurrency=call.concurrency,
            examples=DEFAULT_EXAMPLES,
            quiet=call.quiet,
            no_color=call.no_color,
        )
        run = run_once(asked, configured, None, durability, level=CHECKED_AT[call.claim.level])
        runs[f"evidence/seed-{seed}.json"] = run
        if run.exit_code:
            break
    return runs


def _load(call: CertifyCall, configured: Configured, _durability: "Durability | None") -> Mapping[str, Run]:
    """Run the load that is to be certified, once."""
    asked = _load_call(call)
    run = loading.run_once(asked, configured, loading.planned(asked))
    return {LOAD_REPORT: run} if isinstance(run, Run) else {}


def _load_call(call: CertifyCall) -> loading.LoadCall:
    return loading.LoadCall(
        overrides=call.overrides,
        outputs=Outputs({}),
        profile=call.profile or LOAD_PROFILE,
        changes=replace(call.load, seed=call.seeds[0]),
        quiet=call.quiet,
        no_color=call.no_color,
    )


PARTS: Mapping[str, tuple[Part, ...]] = {
    "full": (_conformance,),
    "durable": (_conformance,),
    LOAD: (_conformance, _load),
}
"""A level, and what runs for it."""


# --- before any call


def signing_key(path: Path | None) -> SigningKey | None:
    """Return the key of a file, or of WFCONFORM_SIGNING_KEY (PEM text), None without either."""
    if path is not None:
        try:
            return SigningKey.from_pem(path.read_bytes(), source=f"--key {path}")
        except OSError as error:
            hint = "`wfconform keygen --out NAME` makes a pair"
            raise UsageError(f"--key: cannot read {path}: {error.strerror}", hint=hint) from None
    held = os.environ.get(KEY_VARIABLE)
    return SigningKey.from_pem(held.replace("\\n", "\n").encode(), source=KEY_VARIABLE) if held else None


def _check_claim(call: CertifyCall) -> None:
    claim = call.claim
    for option, text in {"--vendor": claim.vendor, "--product": claim.product, "--version": claim.version}.items():
        if not text.strip() or len(text) > _LONGEST or plain(text) != text:
            raise UsageError(f"{option}: must be 1 to {_LONGEST} printable characters")
    if len(set(call.seeds)) < SEEDS_AT_LEAST or len(set(call.seeds)) != len(call.seeds):
        raise UsageError(f"--seed: a certificate needs {SEEDS_AT_LEAST} different seeds or more", hint="leave it out")


def _check_load(call: CertifyCall) -> None:
    """Raise UsageError for a load that says not enough, or that the level does not run."""
    if call.claim.level != LOAD:
        if call.load != Changes() or call.profile is not None:
            raise UsageError(
                f"level {call.claim.level} runs no load", hint="--level load does; or leave its options out"
            )
        return
    if call.load.sessions is None:
        said = "--sessions: level load certifies a number of sessions at once: which one?"
        raise UsageError(said, hint="for example --sessions 200 --slo 'turn.p95 < 500ms'")
    if not loading.planned(_load_call(call)).slos:
        raise UsageError("--slo: level load certifies objectives, and there is none", hint="--slo 'turn.p95 < 500ms'")


def _place(call: CertifyCall) -> Path:
    """Return where the bundle goes; raises UsageError when something is there, or it cannot be written."""
    place = call.out.with_name(f"{call.out.name}.zip") if call.as_zip and call.out.suffix != ".zip" else call.out
    if place.exists() or place.is_symlink():
        raise UsageError(f"--out: {place} exists already", hint="choose another name, or remove it")
    try_writing(place, option="--out")
    return place


@contextmanager
def _target(call: CertifyCall) -> Iterator[tuple[Configured, "Durability | None"]]:
    embedded = wants_embedded(call.overrides, embedded=call.embedded)
    configured = None if embedded else resolve(call.overrides)
    if configured is not None:
        yield configured, None
        return
    if call.claim.level == LOAD:  # in a process of its own, apart from what makes the load
        given_s = call.overrides.timeout_s
        with reference_process(timeout_s=read_environment().timeout_s if given_s is None else given_s) as reference:
            yield reference, None
        return
    from wfconform.commands.embedded import served_reference

    with served_reference(call.overrides) as served:
        yield served


def _refuse_beforehand(call: CertifyCall, target: Target) -> None:
    """Raise for what the target file alone shows: a MUST that is expected to fail, or cannot be tested."""
    required = required_for(call.claim.level)
    expected = [id for id in catalogue() if id in required and id in target.expected_failures]
    if expected:
        raise UserError(
            f"no certificate at level {call.claim.level}: {', '.join(expected)} is expected to fail",
            hint="a MUST of the level has to pass: mend it, and remove it from [expected_failures]",
        )
    unshown = [id for id in catalogue() if id in required and not catalogue()[id].shown_by(target.offers)]
    if unshown:
        needing = f"{', '.join(unshown)} {'needs' if len(unshown) == 1 else 'need'}"
        raise NotTestable(
            f"no certificate at level {call.claim.level}: the target file lacks what {needing}",
            hint=f"`wfconform requirements {unshown[0]}` says what that is",
        )


# --- the bundle


def bundle(call: CertifyCall, runs: Mapping[str, Run], key: SigningKey | None) -> dict[str, bytes]:
    """Return the files of a bundle over some runs, by the path of each one's report."""
    salt = os.urandom(16)
    shown = {path: redact_bodies(run, salt=salt) if call.redact_bodies else run for path, run in runs.items()}
    evidence = {path: json.render(run).encode() for path, run in shown.items()}
    issued_at = datetime.now(UTC).replace(microsecond=0)
    signed_by = key.public.id if key else None
    whole = _together(call.claim, list(shown.values()), signed_by, expires_at(call.claim, issued_at))
    reports = evidence | {name: render(whole).encode() for name, render in _RENDER.items()}
    issued = certificate(call.claim, runs, reports, issued_at=issued_at, signed_by=signed_by)
    look = badge(level=call.claim.level, issued_on=moment(issued_at)[:10], signed=key is not None)
    return sealed({**reports, CERTIFICATE: issued, "badge.svg": look.encode()}, key)


def _together(claim: Claim, runs: list[Run], signed_by: str | None, valid_until: str) -> Run:
    """Return several runs as one: on each requirement the result with the worst verdict."""
    worst = worst_of([verdicts_of(run) for run in runs])
    results = tuple(_result_with(id, verdict, runs) for id, verdict in worst.items())
    checks = tuple(run.seed for run in runs if run.load is None)
    seeds = ", ".join(map(str, checks))
    told = [f"{len(checks)} checks with the seeds {seeds}: the worst verdict of each requirement"]
    told += [] if signed_by else [UNSIGNED]
    return replace(
        runs[0],
        level=claim.level,
        results=results,
        duration_s=round(sum(run.duration_s for run in runs), 3),
        calls=sum(run.calls for run in runs),
        sessions=sum(run.sessions for run in runs),
        phases=_phases_together(runs),
        notes=tuple(dict.fromkeys((*told, *(note for run in runs for note in run.notes)))),
        load=next((run.load for run in runs if run.load is not None), None),
        certified=Certification(
            subject=f"{claim.vendor} {claim.product} {claim.version}",
            musts=len(required_for(claim.level)),
            seeds=checks,
            signed_by=signed_by,
            valid_until=valid_until,
        ),
    )


def _phases_together(runs: list[Run]) -> tuple[Phase, ...]:
    """Return the generated phases of several runs as one of each name, counted together."""
    found: dict[str, list[Phase]] = {}
    for run in runs:
        for phase in run.phases:
            found.setdefault(phase.name, []).append(phase)
    return tuple(
        replace(
            same[0],
            requests=sum(phase.requests for phase in same),
            sessions=sum(phase.sessions for phase in same),
            findings=sum(phase.findings for phase in same),
            duration_s=round(sum(phase.duration_s for phase in same), 3),
            note="; ".join(dict.fromkeys(phase.note for phase in same if phase.note)),
        )
        for same in found.values()
    )


def _result_with(id: str, verdict: str, runs: list[Run]) -> RequirementResult:
    found = [result for run in runs for result in run.results if result.id == id]
    fits = next(result for result in found if result.verdict == verdict)
    return replace(fits, exercised=sum(result.exercised for result in found))


def _write(place: Path, files: Mapping[str, bytes], *, as_zip: bool) -> None:
    """Write the bundle under another name, then move it into place: there is a whole one or none."""
    beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        if as_zip:
            beside.write_bytes(packed(files))
        else:
            for path, content in files.items():
                (beside / path).parent.mkdir(parents=True, exist_ok=True)
                (beside / path).write_bytes(content)
        beside.rename(place)
    except OSError as error:
        raise UsageError(f"--out: cannot write {place}: {error.strerror}", hint="choose another place") from None


# --- what is told


def _refused(call: CertifyCall, run: Run) -> int:
    console = stdout_console(no_color=call.no_color)
    shown = redact_bodies(run, salt=os.urandom(16)) if call.redact_bodies else run
    command = f"check … --level {run.level}" if run.load is None else f"load … --profile {run.load.profile}"
    again = f"`wfconform {command} --seed {run.seed} --show-reproducers` prints the script"
    console_report.show(shown, console, reproducers=lambda _id: again)
    which = f"run with seed {run.seed}" if run.load is None else "load run"
    console.print(Text(f"no certificate: the {which} ended with {run.exit_code}", style="bold red"))
    return run.exit_code


def _tell(call: CertifyCall, place: Path, key: SigningKey | None) -> int:
    console = stdout_console(no_color=call.no_color)
    claim = call.claim
    subject = f"{claim.vendor} {claim.product} {claim.version}"
    asked = len(required_for(claim.level))
    said = f"CERTIFIED at level {claim.level}: {subject}, {asked} MUSTs passed with {len(call.seeds)} seeds"
    console.print(Text(plain(said), style="bold green"), soft_wrap=True)
    console.print(Text(f"bundle: {plain(str(place))}"), soft_wrap=True)
    stderr = stderr_console(no_color=call.no_color)
    signed = f"signed by the key {key.public.id}" if key else UNSIGNED
    (console if key else stderr).print(Text(signed, style="" if key else "yellow"), soft_wrap=True)
    return 0
