"""The tables of faults and variants are complete, and the documents made from them are up to date."""

from collections import Counter
from pathlib import Path

import pytest

from wfconform.commands.requirements import coverage_of
from wfconform.commands.selftest import REFERENCE, cases, declared_matrix
from wfconform.reference.faults import FAULTS
from wfconform.reference.variants import VARIANTS
from wfconform.requirements import Level, catalogue

OUTSIDE = {"LOD"}
ON_THE_WIRE = {id for id, requirement in catalogue().items() if requirement.group not in OUTSIDE}
# Proved by whatever scenario happens to meet a 429 or a 503.
BY_CHANCE = {"EXE-014"}
# Whatever breaks the one breaks the other, too.
NEVER_ALONE = {
    "STS-005": "STS-003, STS-004",
    "TRN-003": "EXE-010",
    "TRN-004": "TRN-002",
    "CAN-002": "STS-009",
    "EVT-002": "EVT-003",
    "RUN-010": "TRN-002, RUN-003",
}
DOCS = Path(__file__).parents[2] / "docs"


def test_names_are_unique() -> None:
    """A name leads to one server, whether it is a fault or a variant."""
    names = Counter([*(fault.name for fault in FAULTS), *(variant.name for variant in VARIANTS), "reference"])
    assert [name for name, count in names.items() if count > 1] == []
    assert len(cases()) == len(FAULTS) + len(VARIANTS) + sum(case.kind == REFERENCE for case in cases().values())


def test_every_server_says_what_it_is() -> None:
    """Each has a sentence of its own."""
    sentences = Counter([*(fault.sentence for fault in FAULTS), *(variant.sentence for variant in VARIANTS)])
    assert [sentence for sentence, count in sentences.items() if count > 1 or not sentence.endswith(".")] == []


def test_only_known_requirements_are_named() -> None:
    """Every ID is in the catalogue, and a fault breaks something that shows on the wire."""
    named = {id for fault in FAULTS for id in fault.breaks}
    assert named <= ON_THE_WIRE
    assert all(fault.breaks for fault in FAULTS)
    assert {id for variant in VARIANTS for id in variant.uses} <= set(catalogue())


def test_a_conforming_variant_breaks_no_must() -> None:
    """What it is warned of is a SHOULD."""
    warned = {id for variant in VARIANTS for id in variant.warns}
    assert {catalogue()[id].level for id in warned} == {Level.SHOULD}


def test_every_requirement_on_the_wire_has_a_fault() -> None:
    """A check that could never fire would go unnoticed."""
    assert [id for id in sorted(ON_THE_WIRE) if not coverage_of(id).faults] == []


def test_every_requirement_on_the_wire_has_a_scenario() -> None:
    """What no scenario tests could only pass."""
    assert [id for id in sorted(ON_THE_WIRE - BY_CHANCE) if not coverage_of(id).scenarios] == []


def test_every_requirement_has_a_fault_that_breaks_it_alone() -> None:
    """A check is proved by its own finding, not by another one's."""
    alone = {id for fault in FAULTS if len(fault.breaks) == 1 for id in fault.breaks}
    assert ON_THE_WIRE - alone == set(NEVER_ALONE)


@pytest.mark.parametrize("id", [id for id, requirement in catalogue().items() if requirement.allowed])
def test_every_choice_that_is_allowed_is_taken_by_a_variant(id: str) -> None:
    """A false alarm about it would be noticed."""
    taken = [variant.name for variant in VARIANTS if id in variant.uses]
    assert taken or catalogue()[id].group in OUTSIDE


def test_the_matrix_in_the_docs_is_up_to_date() -> None:
    """`wfconform selftest --declared --markdown docs/matrix.md` writes it."""
    assert (DOCS / "matrix.md").read_text(encoding="utf-8") == declared_matrix()
