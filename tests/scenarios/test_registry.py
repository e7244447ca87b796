"""The list of scenarios: names, what they need and what they prove, against the catalogue."""

from collections import Counter

import pytest
from tests.scenarios.replier import IDS, WORKFLOWS, play

from wfconform.requirements import Level
from wfconform.requirements import catalogue as requirements
from wfconform.scenarios import ScenarioSpec, catalogue
from wfconform.target import Access, RestartAccess, Secret, StorageAccess, Target

SPECS = catalogue()
ELSEWHERE = ("LOD",)  # load: not shown by what one client sends
FULL = Target(
    Access("https://api.example.com", api_key=Secret("first"), second_api_key=Secret("second")),
    WORKFLOWS,
    second_workflow=IDS["conversation"],
    storage=StorageAccess(),
    restart=RestartAccess(),
)
EACH = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)


def test_every_name_is_unique() -> None:
    """A report and a filter name scenarios."""
    assert {name: count for name, count in Counter(spec.name for spec in SPECS).items() if count > 1} == {}


@EACH
def test_a_scenario_proves_known_requirements(spec: ScenarioSpec) -> None:
    """Each at most once, and at least one."""
    assert set(spec.proves) <= set(requirements())
    assert len(set(spec.proves)) == len(spec.proves) > 0


@EACH
def test_a_scenario_needs_known_words(spec: ScenarioSpec) -> None:
    """A target with everything offers each of them."""
    assert spec.needs <= FULL.offers


@EACH
def test_a_scenario_says_what_the_client_does(spec: ScenarioSpec) -> None:
    """In a sentence, from its docstring."""
    assert spec.sentence.endswith((".", ":"))
    assert len(spec.sentence) > 15


def test_every_must_is_proved_by_a_scenario() -> None:
    """But for what storage and load show."""
    musts = {id for id, one in requirements().items() if one.level is Level.MUST and one.group not in ELSEWHERE}
    proved = {id for spec in SPECS for id in spec.proves}
    assert musts - proved == set()


def test_every_should_is_proved_by_a_scenario_or_seen_by_chance() -> None:
    """EXE-014 speaks of answers that no client can provoke."""
    shoulds = {id for id, one in requirements().items() if one.level is Level.SHOULD and one.group not in ELSEWHERE}
    proved = {id for spec in SPECS for id in spec.proves}
    assert shoulds - proved == {"EXE-014"}


def test_a_must_that_needs_the_conversation_alone_is_proved_with_it_alone() -> None:
    """Level core can be tested where only that role is configured (with a key)."""
    core = frozenset({"conv", "auth"})
    proved = {id for spec in SPECS if spec.needs <= core for id in spec.proves}
    musts = {id for id, one in requirements().items() if one.level is Level.MUST and one.shown_by(frozenset({"conv"}))}
    assert {id for id in musts if id[:3] not in ELSEWHERE} - proved == set()


@EACH
def test_what_a_scenario_proves_is_exercised(spec: ScenarioSpec) -> None:
    """A server that does what each request is meant to show holds everything that the scenario names."""
    assert set(spec.proves) - play(spec).held == set()


@EACH
def test_a_right_server_breaks_nothing(spec: ScenarioSpec) -> None:
    """No scenario blames a server that does what its requests are meant to show."""
    assert play(spec).broken == {}
