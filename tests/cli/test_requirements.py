import json

import pytest
from tests.cli.conftest import Command


def test_the_catalogue_is_listed_a_line_each_when_piped(wfconform: Command) -> None:
    lines = wfconform("requirements").stdout.splitlines()
    assert len(lines) == 83
    assert "TRN-001\tMUST\t§7\tthe first turn is 1" in lines


def test_on_a_terminal_it_is_a_table_by_group(wfconform: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = wfconform("requirements", "--no-color").stdout
    assert "TRN: turn_number" in shown
    assert "TRN-001" in shown


def test_a_group_can_be_listed_alone(wfconform: Command) -> None:
    lines = wfconform("requirements", "can").stdout.splitlines()
    assert [line[:7] for line in lines] == [f"CAN-00{n}" for n in range(1, 8)]


def test_one_is_explained_with_what_it_needs_and_allows(wfconform: Command) -> None:
    shown = " ".join(wfconform("requirements", "trn-005").stdout.split())
    assert shown.startswith("TRN-005 (turn_number) concurrent turns (not stops) on one run")
    assert "level MUST: a failure makes the target non-conforming" in shown
    assert "needs the conversation workflow" in shown
    assert "allowed refusing (409, 423, 429) all but one, or serialising" in shown
    assert "tested for core, full" in shown


def test_every_requirement_can_be_explained(wfconform: Command) -> None:
    described = json.loads(wfconform("requirements", "--json").stdout)
    assert len(described) == 83
    for entry in described:
        result = wfconform("requirements", entry["id"])
        assert result.exit_code == 0
        assert entry["id"] in result.stdout


def test_json_of_one_is_an_object(wfconform: Command) -> None:
    entry = json.loads(wfconform("requirements", "AUT-003", "--json").stdout)
    assert (entry["id"], entry["level"], entry["needs"]) == ("AUT-003", "MUST", [["conv", "key2"]])
    assert entry["required_at"] == ["full", "durable"]


@pytest.mark.parametrize(("wanted", "said"), [("TRN-02", "did you mean TRN-002"), ("zzz", "lists them all")])
def test_an_unknown_one_ends_with_2_and_the_nearest(wfconform: Command, wanted: str, said: str) -> None:
    result = wfconform("requirements", wanted)
    assert result.exit_code == 2
    assert f"unknown requirement '{wanted}'" in result.stderr
    assert said in result.stderr
