"""Bundles for the tests: certified from prepared runs, whole, or taken apart and sealed again by an attacker."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.load_command.measuring import CLOSED, measured
from tests.report.loads import a_load_run
from tests.report.runs import a_full_run

from wfconform.certificate.bundle import BESIDE_THE_MANIFEST, CERTIFICATE, sealed
from wfconform.certificate.canonical import digest, encode
from wfconform.certificate.issuing import Claim
from wfconform.certificate.keys import PublicKey, SigningKey
from wfconform.certificate.verifying import examine
from wfconform.commands.certify import CertifyCall, bundle
from wfconform.config import Overrides
from wfconform.outcomes import Run, Verdict

KEY, OTHER_KEY = SigningKey.generate(), SigningKey.generate()
SEEDS = (1, 2, 3)
LOAD = "evidence/load.json"
Files = dict[str, bytes]


def runs(**verdicts: Verdict) -> dict[str, Run]:
    run = replace(a_full_run(**verdicts), level="full")
    return {f"evidence/seed-{seed}.json": replace(run, seed=seed, calls=600 + seed) for seed in SEEDS}


def loaded(**changes: Any) -> Run:
    """Return a load run that holds: five sessions at once for ten seconds, one SLO."""
    plan = replace(CLOSED, slos=("turn.p95 < 500ms",), **changes)
    return a_load_run(plan, violations={}, first_violations=(), series=measured().series)


def a_load_bundle() -> Files:
    """Return a signed bundle of level load."""
    claim = replace(a_call().claim, level="load")
    return bundle(a_call(claim=claim), {**runs(), LOAD: loaded()}, KEY)


def a_call(**changes: Any) -> CertifyCall:
    claim = Claim(vendor="ACME", product="Flow", version="2.1", level="full", valid_days=30)
    return replace(CertifyCall(overrides=Overrides(), claim=claim, out=Path("certificate")), **changes)


def a_bundle(key: SigningKey | None = KEY, **verdicts: Verdict) -> Files:
    return dict(_made(key, **verdicts))


@cache
def _made(key: SigningKey | None, **verdicts: Verdict) -> Files:
    return bundle(a_call(), runs(**verdicts), key)


def resealed(files: Mapping[str, bytes], key: SigningKey | None) -> Files:
    """Make manifest and signature anew over changed files, as one who holds that key (or none) can."""
    return sealed({path: content for path, content in files.items() if path not in BESIDE_THE_MANIFEST}, key)


def rewritten(
    files: Mapping[str, bytes], change: Callable[[dict[str, Any]], object], *, key: SigningKey | None
) -> Files:
    """Change the certificate's content and seal the bundle again."""
    content = json.loads(files[CERTIFICATE])
    change(content)
    return resealed({**files, CERTIFICATE: encode(content)}, key)


def with_report(files: Mapping[str, bytes], path: str, change: Callable[[dict[str, Any]], object]) -> Files:
    """Change a report, its digest in the certificate too, and seal the bundle again with the right key."""
    report = json.loads(files[path])
    change(report)
    made = json.dumps(report).encode()

    def follow(content: dict[str, Any]) -> None:
        content["digests"]["reports"][path] = digest(made)

    return rewritten({**files, path: made}, follow, key=KEY)


def complaints(files: Mapping[str, bytes], *, key: PublicKey | None = None, in_days: float = 0) -> list[str]:
    """Return what is wrong with a bundle, some days from now, by the public key that belongs to it."""
    asked = KEY.public if key is None else key
    now = datetime.now(UTC) + timedelta(days=in_days)
    return [str(one) for one in examine(files, key=asked, now=now).complaints]


def written(files: Mapping[str, bytes], root: Path) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root
