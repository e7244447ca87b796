"""From the runs of a target to its certificate: the worst verdict of all seeds, or why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wfconform.certificate.canonical import digest, encode
from wfconform.certificate.contract import contract_digests, requirements_digest
from wfconform.outcomes import LoadOutcome, Run, Verdict
from wfconform.requirements import catalogue

WORST_LAST = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants what certified, for how long (days)."""

    vendor: str
    product: str
    version: str
    level: str
    valid_days: int


def worst_of(verdicts: Sequence[Mapping[str, Verdict]]) -> dict[str, Verdict]:
    """Return the worst verdict on each requirement of the catalogue; one that a run lacks was not tested.

    What one run put to the test and another did not was tested.
    """
    found = {}
    for id in catalogue():
        seen = [one.get(id, Verdict.NOT_TESTED) for one in verdicts]
        tested = [verdict for verdict in seen if verdict is not Verdict.NOT_TESTED]
        found[id] = max(tested or seen, key=WORST_LAST.index)
    return found


def verdicts_of(run: Run) -> dict[str, Verdict]:
    """Return a run's verdicts by ID."""
    return {result.id: result.verdict for result in run.results}


def lacking(verdicts: Mapping[str, Verdict], required: frozenset[str]) -> dict[str, Verdict]:
    """Return the required IDs that did not pass, with their verdicts, in catalogue order."""
    return {id: verdicts[id] for id in catalogue() if id in required and verdicts[id] is not Verdict.PASS}


def certificate(
    claim: Claim,
    runs: Mapping[str, Run],
    reports: Mapping[str, bytes],
    *,
    issued_at: datetime,
    signed_by: str | None,
) -> bytes:
    """Return certificate.json; runs: by the path of their report. reports: every file that it vouches for."""
    found = worst_of([verdicts_of(run) for run in runs.values()])
    first = next(iter(runs.values()))
    checks = {path: run for path, run in runs.items() if run.load is None}
    loads = [_load_row(path, run, run.load) for path, run in runs.items() if run.load is not None]
    content: dict[str, Any] = {
        "schema_version": "1",
        "kind": "wfconform certificate",
        "subject": {
            "vendor": claim.vendor,
            "product": claim.product,
            "version": claim.version,
            "base_url": str(first.target.get("base_url", "")),
        },
        "level": claim.level,
        "issued_at": moment(issued_at),
        "expires_at": expires_at(claim, issued_at),
        "signed_by": signed_by,
        "tool": {"name": first.tool["name"], "version": first.tool["version"]},
        "digests": {
            "contract": contract_digests(),
            "requirements": requirements_digest(),
            "reports": {path: digest(report) for path, report in reports.items()},
        },
        "seeds": [run.seed for run in checks.values()],
        "runs": [_run_row(path, run) for path, run in checks.items()],
        **({"load": loads[0]} if loads else {}),
        "requirements": [
            {"id": id, "level": catalogue()[id].level.value, "verdict": verdict.value} for id, verdict in found.items()
        ],
    }
    return encode(content)


def expires_at(claim: Claim, issued_at: datetime) -> str:
    """Return until when a certificate is valid, as it writes times."""
    return moment(issued_at + timedelta(days=claim.valid_days))


def moment(when: datetime) -> str:
    """Return a time as certificates write it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_row(path: str, run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "started_at": run.started_at,
        "duration_s": run.duration_s,
        "calls": run.calls,
        "sessions": run.sessions,
        "report": path,
    }


def _load_row(path: str, run: Run, load: LoadOutcome) -> dict[str, Any]:
    return {
        "profile": load.profile,
        **stated(load.configuration),
        "slo": [slo.expression for slo in load.slo],
        "started_at": run.started_at,
        "calls": run.calls,
        "sessions": run.sessions,
        "report": path,
    }


def stated(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a load run was asked for: sessions at once in its steady stages at most, and how long these last."""
    steady = [stage for stage in configuration["stages"] if stage["phase"] == "steady"]
    return {
        "sessions_at_once": int(max(max(stage["start"], stage["end"]) for stage in steady)),
        "steady_s": float(sum(stage["duration_s"] for stage in steady)),
    }
