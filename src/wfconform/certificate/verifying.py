"""What is wrong with a bundle, from its files alone: nothing is opened, called or believed beyond them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from wfconform.certificate.bundle import BESIDE_THE_MANIFEST, CERTIFICATE, MANIFEST, SIGNATURE
from wfconform.certificate.canonical import decode, digest
from wfconform.certificate.complaints import BadBundle, Complaint
from wfconform.certificate.contract import NORMATIVE, contract_digests, requirements_digest
from wfconform.certificate.issuing import stated, worst_of
from wfconform.certificate.keys import PublicKey
from wfconform.certificate.levels import CHECKED_AT, LOAD, SEEDS_AT_LEAST, required_for
from wfconform.certificate.values import Certificate, CertifiedLoad, CertifiedRun, Manifest, Signature
from wfconform.errors import UsageError
from wfconform.outcomes import Verdict
from wfconform.requirements import catalogue

CLOCK_SKEW = timedelta(minutes=10)
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_SHOWN = 3  # complaints of one kind that are told apart
_FORM_ERRORS = {"missing": "is missing", "extra_forbidden": "is not known to this version"}
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a bundle is: its certificate, when it could be read; who signed it, None: nobody; what is wrong with it."""

    certificate: Certificate | None
    signed_by: str | None
    complaints: tuple[Complaint, ...]


def examine(files: Mapping[str, bytes], *, key: PublicKey | None, now: datetime) -> Examined:
    """Examine a bundle; with a key, its owner must have signed it. now: for the expiry, with a time zone."""
    found: list[Complaint] = []
    try:
        manifest = _read(files, MANIFEST, Manifest)
        found += _listed(manifest, files)
        signed_by, about_signature = _signature(files, key)
        found += about_signature
        certificate = _read(files, CERTIFICATE, Certificate)
    except BadBundle as error:
        explained = any(one.where == error.complaint.where for one in found)  # it was changed: its form follows
        return Examined(None, None, tuple(found if explained else [*found, error.complaint]))
    found += _sealed_as_said(certificate, signed_by)
    for judge in _JUDGES:
        found += judge(certificate, files)
    found += _times(certificate, now)
    return Examined(certificate, signed_by, tuple(dict.fromkeys(found)))


def _read(files: Mapping[str, bytes], name: str, model: type[_Model]) -> _Model:
    """Return a file's content; raises BadBundle when it is missing, not canonical, or not what it should be."""
    if name not in files:
        raise BadBundle(name, "is missing")
    value = decode(files[name], name=name)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        what = _FORM_ERRORS.get(first["type"], "has a value that it cannot have")
        raise BadBundle(name, f"is not of this form: {where} {what}") from None


# --- the files


def _listed(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[Complaint]:
    paths = [entry.path for entry in manifest.files]
    for path in paths:
        if not _PATH.fullmatch(path) or path in BESIDE_THE_MANIFEST:
            yield Complaint(MANIFEST, f"names {path!r}, which is no path within a bundle")
    if paths != sorted(set(paths)):
        yield Complaint(MANIFEST, "names a file twice, or not in order")
    for entry in manifest.files:
        content = files.get(entry.path)
        if content is None:
            yield Complaint(entry.path, "is missing")
        elif len(content) != entry.size or digest(content) != entry.sha256:
            yield Complaint(entry.path, "was changed: its digest is not that in manifest.json")
    for path in sorted(files.keys() - set(paths) - BESIDE_THE_MANIFEST):
        yield Complaint(path, "was added: it is not in manifest.json")


# --- the signature


def _signature(files: Mapping[str, bytes], key: PublicKey | None) -> tuple[str | None, list[Complaint]]:
    """Return the fingerprint of the key that signed the manifest, None when nobody did."""
    if SIGNATURE not in files:
        missing = [Complaint(SIGNATURE, "is missing: the bundle is not signed, by the given key or any other")]
        return None, missing if key is not None else []
    made = _read(files, SIGNATURE, Signature)
    signer = PublicKey(bytes.fromhex(made.public_key))
    if not signer.signed(bytes.fromhex(made.signature), files[MANIFEST]):
        return None, [Complaint(SIGNATURE, "does not fit: manifest.json or the signature was changed")]
    if key is not None and key.raw != signer.raw:
        said = f"signed by another key: {signer.id[:16]}… (the given one is {key.id[:16]}…)"
        return signer.id, [Complaint(SIGNATURE, said)]
    return signer.id, []


def _sealed_as_said(certificate: Certificate, signed_by: str | None) -> Iterator[Complaint]:
    said = certificate.signed_by
    if said is not None and signed_by is None:
        yield Complaint(CERTIFICATE, f"says that the key {said[:16]}… signed it, and no valid signature of it is there")
    elif said != signed_by:
        yield Complaint(CERTIFICATE, f"does not say that the key {str(signed_by)[:16]}… signed it")


# --- what is certified


def _level(certificate: Certificate, _files: Mapping[str, bytes]) -> Iterator[Complaint]:
    """All IDs of the level are there, and passed."""
    try:
        required = required_for(certificate.level)
    except UsageError:
        yield Complaint(CERTIFICATE, f"the level {certificate.level!r} is none that this version knows")
        return
    rows = {row.id: row for row in certificate.requirements}
    if [row.id for row in certificate.requirements] != list(catalogue()):
        yield Complaint(CERTIFICATE, "its requirements are not those of the catalogue, each once")
    wrong = [id for id, row in rows.items() if id in catalogue() and row.level is not catalogue()[id].level]
    yield from _told(wrong, "has another level (MUST, SHOULD) than the catalogue gives it")
    bad = [
        id
        for id in catalogue()
        if id in required and (row := rows.get(id)) is not None and row.verdict is not Verdict.PASS
    ]
    yield from _told(bad, f"has to pass at level {certificate.level}, and did not")
    worse = [id for id, row in rows.items() if row.verdict in (Verdict.FAIL, Verdict.ERROR) and id not in bad]
    yield from _told(worse, "failed")


def _told(ids: Sequence[str], what: str) -> Iterator[Complaint]:
    if ids:
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        yield Complaint(CERTIFICATE, f"{', '.join(ids[:_SHOWN])}{more} {what}")


def _contract(certificate: Certificate, _files: Mapping[str, bytes]) -> Iterator[Complaint]:
    known = certificate.digests.requirements == requirements_digest()
    told, ours = certificate.digests.contract, contract_digests()
    if not known or any(told.get(name) != ours[name] for name in NORMATIVE):
        made = f"{certificate.tool.name} {certificate.tool.version}"
        yield Complaint(CERTIFICATE, f"was made by {made} for a contract that this version does not know")


# --- the reports


class _Row(BaseModel):
    id: str
    verdict: Verdict


class _Slo(BaseModel):
    expression: str
    met: bool


class _Load(BaseModel):
    profile: str
    valid: bool
    slo: list[_Slo]
    configuration: dict[str, Any]


class _Report(BaseModel):
    """What a certificate rests on, of one report."""

    level: str
    seed: int
    started_at: str
    exit_code: int
    partial: bool
    interrupted: bool
    calls: int
    sessions: int
    target: dict[str, Any]
    requirements: list[_Row]
    load: _Load | None = None


def _reports(certificate: Certificate, files: Mapping[str, bytes]) -> Iterator[Complaint]:
    """The reports are those that the certificate names, and say what it says."""
    for path, expected in certificate.digests.reports.items():
        if path not in files or digest(files[path]) != expected:
            yield Complaint(path, "is not the report that certificate.json names by its digest")
    seeds = [run.seed for run in certificate.runs]
    if seeds != certificate.seeds or len(set(seeds)) < SEEDS_AT_LEAST:
        yield Complaint(CERTIFICATE, f"needs runs with {SEEDS_AT_LEAST} different seeds, each named once")
    if (certificate.load is not None) is not (certificate.level == LOAD):
        yield Complaint(CERTIFICATE, f"a load run belongs to the level {LOAD}, and to no other")
    verdicts = []
    runs: list[CertifiedRun | CertifiedLoad] = [*certificate.runs]
    runs += [certificate.load] if certificate.load is not None else []
    for run in runs:
        try:
            report = _report_of(run, files, certificate)
        except BadBundle as error:
            yield error.complaint
            continue
        verdicts.append({row.id: row.verdict for row in report.requirements})
        yield from (Complaint(run.report, what) for what in _differs(certificate, run, report))
    worst = worst_of(verdicts) if verdicts else {}
    other = [row.id for row in certificate.requirements if worst.get(row.id, row.verdict) is not row.verdict]
    yield from _told(other, "has another verdict than the reports give it")


def _report_of(run: CertifiedRun | CertifiedLoad, files: Mapping[str, bytes], certificate: Certificate) -> _Report:
    if run.report not in files or run.report not in certificate.digests.reports:
        raise BadBundle(run.report, "is missing: the report of a run")
    try:
        return _Report.model_validate_json(files[run.report])
    except ValidationError:
        raise BadBundle(run.report, "is no report of this program") from None


def _differs(certificate: Certificate, run: CertifiedRun | CertifiedLoad, report: _Report) -> Iterator[str]:
    check = isinstance(run, CertifiedRun)
    same = ("started_at", "calls", "sessions", *(("seed",) if check else ()))
    if any(getattr(run, name) != getattr(report, name) for name in same):
        yield "is of another run than certificate.json says"
    level = CHECKED_AT.get(certificate.level, certificate.level) if check else LOAD
    if report.level != level:
        yield f"is of level {report.level!r}, the certificate needs one of level {level!r}"
    if report.target.get("base_url") != certificate.subject.base_url:
        yield "is of another target than the certificate"
    if report.exit_code != 0 or report.partial or report.interrupted:
        yield "is of a run that did not end with 0 over all requirements"
    if isinstance(run, CertifiedLoad):
        yield from _load_differs(run, report.load)


def _load_differs(run: CertifiedLoad, load: _Load | None) -> Iterator[str]:
    """What was asked for is what certificate.json says, and it was met."""
    if load is None:
        yield "is no report of a load run"
        return
    try:
        asked = stated(load.configuration)
    except (KeyError, TypeError, ValueError):
        asked = {}
    told = {"sessions_at_once": run.sessions_at_once, "steady_s": run.steady_s}
    if asked != told or load.profile != run.profile or [slo.expression for slo in load.slo] != run.slo:
        yield "is of another load than certificate.json says"
    if not load.valid or not load.slo or not all(slo.met for slo in load.slo):
        yield "is of a load run that is not valid, or missed an SLO"


def _times(certificate: Certificate, now: datetime) -> Iterator[Complaint]:
    issued, expires = _time(certificate.issued_at), _time(certificate.expires_at)
    if issued is None or expires is None or expires <= issued:
        yield Complaint(CERTIFICATE, "its times are none, or in the wrong order")
        return
    if now > expires:
        yield Complaint(CERTIFICATE, f"expired on {certificate.expires_at}")
    if issued > now + CLOCK_SKEW:
        yield Complaint(CERTIFICATE, f"was issued in the future, on {certificate.issued_at}")


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


_Judge = Callable[[Certificate, Mapping[str, bytes]], Iterator[Complaint]]
_JUDGES: tuple[_Judge, ...] = (_level, _contract, _reports)
