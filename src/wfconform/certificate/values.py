"""What a certificate says, the manifest and signature around it; strict models: they are read from strangers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wfconform.outcomes import Verdict
from wfconform.requirements import Level

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Said = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Part(BaseModel):
    """Unknown keys and other types are errors: what this version does not know it cannot vouch for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Subject(_Part):
    """What is certified; base_url: where it was tested."""

    vendor: Said
    product: Said
    version: Said
    base_url: str


class Tool(_Part):
    """What tested it."""

    name: Said
    version: Said


class CertifiedRun(_Part):
    """One of the runs; report: its file in the bundle. duration_s: seconds."""

    seed: int
    started_at: str
    duration_s: float
    calls: int
    sessions: int
    report: Said


class CertifiedLoad(_Part):
    """The load run: how many sessions at once were asked for, how long (steady stages, seconds), which SLOs it met."""

    profile: Said
    sessions_at_once: int
    steady_s: float
    slo: list[Said]
    started_at: str
    calls: int
    sessions: int
    report: Said


class Certified(_Part):
    """The verdict on one requirement: the worst of all runs."""

    id: Said
    level: Annotated[Level, Field(strict=False)]
    verdict: Annotated[Verdict, Field(strict=False)]


class Digests(_Part):
    """SHA-256 of what the verdicts rest on: the contract's files, the catalogue's content, the reports."""

    contract: dict[str, Sha256]
    requirements: Sha256
    reports: dict[str, Sha256]


class Certificate(_Part):
    """The certificate. Times: ISO 8601, UTC, whole seconds; signed_by: the key's fingerprint, null when unsigned.

    load: at level load alone.
    """

    schema_version: Literal["1"]
    kind: Literal["wfconform certificate"]
    subject: Subject
    level: Said
    issued_at: Moment
    expires_at: Moment
    signed_by: Sha256 | None
    tool: Tool
    digests: Digests
    seeds: list[int]
    runs: list[CertifiedRun]
    load: CertifiedLoad | None = None
    requirements: list[Certified]


class Entry(_Part):
    """One file of a bundle; size in bytes."""

    path: Said
    size: int
    sha256: Sha256


class Manifest(_Part):
    """Every file of a bundle but the manifest and the signature, by path."""

    schema_version: Literal["1"]
    files: list[Entry]


class Signature(_Part):
    """Ed25519 over the bytes of manifest.json; both values in lower-case hexadecimal."""

    algorithm: Literal["Ed25519"]
    public_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
