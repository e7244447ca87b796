"""What the contract is, as digests: two tools that know the same ones mean the same by an ID."""

from collections.abc import Iterator
from functools import cache
from importlib.resources.abc import Traversable

from wfconform.certificate.canonical import digest, encode
from wfconform.requirements import catalogue
from wfconform.shipped import contracts

NORMATIVE = ("openapi.yaml", "requirements.yaml")
"""What an ID means; the other files of contracts/ (fixture workflows, the report's schema) may change without it."""


@cache
def contract_digests() -> dict[str, str]:
    """Return the SHA-256 of each file of contracts/, by its path there."""
    return dict(sorted(_digests(contracts(), "")))


def _digests(directory: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _digests(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", digest(entry.read_bytes())


@cache
def requirements_digest() -> str:
    """Return the SHA-256 of the catalogue's meaning: IDs, levels, clauses, statements, what is allowed."""
    rows = [[one.id, one.level.value, one.clause, one.statement, one.allowed] for one in catalogue().values()]
    return digest(encode(rows))
