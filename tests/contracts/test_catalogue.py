"""The catalogue keeps its own rules, and cites clauses that docs/endpoint.md has."""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CATALOGUE: dict[str, Any] = yaml.safe_load((ROOT / "contracts" / "requirements.yaml").read_text(encoding="utf-8"))
ENDPOINT = (ROOT / "docs" / "endpoint.md").read_text(encoding="utf-8")
IDS: list[str] = [entry["id"] for entry in CATALOGUE["requirements"]]


def test_ids_are_unique() -> None:
    """An ID names one requirement."""
    assert len(IDS) == len(set(IDS))


def test_ids_are_in_group_order() -> None:
    """The groups follow each other as declared, each in one piece."""
    assert [group for group, _ in groupby(IDS, key=lambda each: each[:3])] == list(CATALOGUE["groups"])


def test_ids_are_gapless_in_each_group() -> None:
    """Within a group the numbers run from 001 on; new ones go to the end."""
    for group, members in groupby(IDS, key=lambda each: each[:3]):
        listed = list(members)
        assert listed == [f"{group}-{number:03}" for number in range(1, len(listed) + 1)]


def test_the_clauses_are_numbered_from_1_to_12() -> None:
    """The headings of docs/endpoint.md are the clauses, in order."""
    assert re.findall(r"^## §(\d+) ", ENDPOINT, flags=re.MULTILINE) == [str(number) for number in range(1, 13)]


def test_every_cited_clause_is_a_heading() -> None:
    """Whoever follows a citation finds the clause, in fields and in sentences alike."""
    cited = set(re.findall(r"§\d+", yaml.safe_dump(CATALOGUE, allow_unicode=True)))
    assert cited <= set(re.findall(r"^## (§\d+) ", ENDPOINT, flags=re.MULTILINE))
    assert cited


def test_the_wire_contract_cites_clauses_that_exist() -> None:
    """The same holds for contracts/openapi.yaml."""
    document = (ROOT / "contracts" / "openapi.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"§\d+", document)) <= set(re.findall(r"^## (§\d+) ", ENDPOINT, flags=re.MULTILINE))
