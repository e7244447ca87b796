"""What the contract is, as digests: two tools that know the same ones mean the same by an ID."""

from functools import cache

from wfconform.certificate.canonical import digest, encode
from wfconform.requirements import catalogue
from wfconform.shipped import read_contract

_FILES = ("openapi.yaml", "requirements.yaml")


@cache
def contract_digests() -> dict[str, str]:
    """Return the SHA-256 of each file of the contract, its line ends as in the repository."""
    return {name: digest(read_contract(name).encode()) for name in _FILES}


@cache
def requirements_digest() -> str:
    """Return the SHA-256 of the catalogue's meaning: IDs, levels, clauses, statements, what is allowed."""
    rows = [[one.id, one.level.value, one.clause, one.statement, one.allowed] for one in catalogue().values()]
    return digest(encode(rows))
