"""docs/load.md says what is so: its tables, its example profile and its error are held against the program."""

import re
from pathlib import Path

import pytest

from wfconform.config.profile import profile_names, read_profile
from wfconform.errors import SloError
from wfconform.load.plan import SCENARIOS
from wfconform.load.profile import fitted
from wfconform.load.slo import COUNTS, LATENCIES, PER_SECOND, SHARES, parse_slo
from wfconform.load.validity import RULES
from wfconform.report.csv import SECOND_COLUMNS
from wfconform.scenarios.sessions import VISITS

TEXT = (Path(__file__).parents[2] / "docs" / "load.md").read_text(encoding="utf-8")


def _table(heading: str) -> dict[str, list[str]]:
    """The rows of the table under a head of that name, by their first cell."""
    rows = TEXT[TEXT.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first: rest for first, *rest in cells}


def _code(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_the_validity_rules_are_those_of_the_program() -> None:
    """Each rule and its limit, in words."""
    said = {name: limit.replace(" %", "%") for name, (limit,) in _table("rule").items()}
    assert said == {rule.name: rule.sentence.replace("open: ", "open model: ") for rule in RULES}


def test_every_profile_and_scenario_is_told() -> None:
    """With what a scenario needs of the target."""
    assert {name for row in _table("profile") for name in _code(row)} == set(profile_names())
    needs = {next(iter(_code(name))): _code(cells[1]) for name, cells in _table("in the mix").items()}
    words = {"end": "conversation_end"}
    assert needs == {name: {words.get(need, need) for need in VISITS[name].needs} for name in SCENARIOS}


def test_every_column_is_told() -> None:
    """The columns of the CSV file, in order."""
    told = [name for row in _table("column") for name in re.findall(r"`(\w+)`", row)]
    assert tuple(told) == SECOND_COLUMNS


def test_every_figure_is_told() -> None:
    """All that an SLO can be about."""
    told = {name for row in _table("figure") for name in _code(row) if not name.startswith(".")}
    assert told == {*LATENCIES, *COUNTS, *SHARES, *PER_SECOND}


def test_the_example_profile_is_one(tmp_path: Path) -> None:
    """It is read, and every target with a conversation that ends can show it."""
    example = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)[0]
    (tmp_path / "texts.txt").write_text("hello\n")
    (tmp_path / "own.toml").write_text(example)
    plan = read_profile(str(tmp_path / "own.toml"))
    assert fitted(plan, frozenset({"conv", "end"}), asked=True)[1] == ()


def test_the_example_slos_are_read() -> None:
    """Those of the block under SLOs."""
    block = TEXT[TEXT.index("## SLOs") :].split("```")[1]
    assert [str(parse_slo(text)) for text in re.split(r"\s{3,}", block.strip())] == [
        "turn.p95 < 500ms",
        "session.p99 < 10s",
        "violations == 0",
        "refused.rate < 1%",
        "turns.rate > 100/s",
    ]


def test_the_example_error_is_what_is_said() -> None:
    """Message, text, caret and hint as they are printed."""
    with pytest.raises(SloError) as caught:
        parse_slo("turn.p95 < 500")
    hint = f"  {caught.value.hint}"
    assert f"error: {caught.value}\n{hint}\n" in TEXT
