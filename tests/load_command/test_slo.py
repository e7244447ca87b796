"""SLOs: what they may say, where an error points, and when they are met."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.load_command.measuring import encoded, measured

from wfconform.errors import SloError
from wfconform.load.figures import Figures
from wfconform.load.slo import COUNTS, LATENCIES, OPERATORS, PER_SECOND, SHARES, Slo, parse_slo

_NUMBERS = st.one_of(st.integers(0, 10**9).map(float), st.decimals(0, 10**6, places=4, allow_nan=False).map(float))
_STATISTICS = st.one_of(
    st.sampled_from(["max", "mean"]),
    st.integers(1, 99).map("p{}".format),
    st.tuples(st.integers(0, 99), st.integers(1, 9999)).map(lambda parts: f"p{parts[0]}.{parts[1]:04}"),
)
_FIGURES = st.one_of(
    st.tuples(st.sampled_from(LATENCIES), _STATISTICS, st.sampled_from(["us", "ms", "s", "min"])).map(
        lambda parts: (f"{parts[0]}.{parts[1]}", parts[2])
    ),
    st.sampled_from([*((name, "") for name in COUNTS), *((name, "%") for name in SHARES)]),
    st.sampled_from([(name, "/s") for name in PER_SECOND]),
)
_SLOS = st.builds(
    lambda figure, operator, value: Slo(figure[0], operator, value, figure[1]),
    _FIGURES,
    st.sampled_from(sorted(OPERATORS)),
    _NUMBERS,
)
_ALPHABET = string.ascii_letters + string.digits + " .<>=%/\t\n\x1bé漢"


@given(_SLOS)
def test_printing_and_reading_are_inverse(slo: Slo) -> None:
    """Every SLO is read back from its own text."""
    assert parse_slo(str(slo)) == slo


@given(_SLOS)
def test_spaces_mean_nothing(slo: Slo) -> None:
    """An SLO without any space says the same."""
    assert parse_slo(str(slo).replace(" ", "")) == slo


@given(st.text(_ALPHABET, max_size=40))
def test_an_error_points_inside_the_text(text: str) -> None:
    """Whatever is written is either read and printed again, or refused at a character of it or at its end."""
    slo = error = None
    try:
        slo = parse_slo(text)
    except SloError as caught:
        error = caught
    if error is not None:
        assert 0 <= error.at <= len(text)
        assert error.hint
    else:
        assert parse_slo(str(slo)) == slo


@given(_SLOS, st.integers(0, 60), st.sampled_from("\x00\x1b\n!§;"))
def test_an_error_points_at_a_strange_character(slo: Slo, at: int, stray: str) -> None:
    """A character that belongs nowhere is where the error points, or behind what it cut off."""
    text = str(slo)
    place = min(at, len(text))
    broken = text[:place] + stray + text[place:]
    with pytest.raises(SloError) as caught:
        parse_slo(broken)
    assert caught.value.at <= place


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 0, "the name of a figure is missing"),
        ("turn.p95", 8, "an operator is missing"),
        ("turn.p95 <", 10, "a number is missing"),
        ("turn.p95 < fast", 11, "a number is expected here"),
        ("turn.p95 < 5", 12, "turn.p95 needs a unit"),
        ("turn.p95 < 5%", 12, "'%' is no unit of turn.p95"),
        ("turn.p95x < 5ms", 5, "there is no figure 'turn.p95x'"),
        ("turn.p0 < 5ms", 5, "there is no figure 'turn.p0'"),
        ("turn.p101 < 5ms", 5, "there is no figure 'turn.p101'"),
        ("turns.p95 < 5ms", 6, "there is no figure 'turns.p95'"),
        ("latency < 5ms", 0, "there is no figure 'latency'"),
        ("violations == 0s", 15, "violations is a count and takes no unit"),
        ("violations = 0", 11, "an operator is expected here"),
        ("lost == 0 and more", 10, "nothing may follow here"),
        ("turn.p95 < -5ms", 11, "a number is expected here"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(text: str, at: int, said: str) -> None:
    """The message names the fault; the caret stands under its character."""
    with pytest.raises(SloError) as caught:
        parse_slo(text)
    first, shown, caret = str(caught.value).splitlines()
    assert (caught.value.at, first, shown) == (at, f"SLO: {said}", f"  {text}")
    assert caret.index("^") == at + 2


def test_the_hint_lists_the_figures() -> None:
    """Who misspells a figure is told all of them."""
    with pytest.raises(SloError) as caught:
        parse_slo("trun.p95 < 5ms")
    assert all(name in caught.value.hint for name in (*LATENCIES, *COUNTS, *SHARES, *PER_SECOND))


@pytest.mark.parametrize(
    ("text", "actual", "met"),
    [
        ("turn.p50 < 51ms", 50.015, True),
        ("turn.p50 < 50ms", 50.015, False),
        ("turn.max <= 0.2s", 100.031, True),
        ("turn.first.max < 21ms", 20.015, True),
        ("turn.corrected.p50 < 1min", 50.015, True),
        ("session.p99 < 10s", 500.223, True),
        ("violations == 0", 0.0, True),
        ("turns > 99", 100.0, True),
        ("lost.rate < 1%", 0.0, True),
        ("refused.rate >= 0.1%", 0.0, False),
        ("turns.rate > 9.9/s", 10.0, True),
        ("turns.rate > 10 per s", 10.0, False),
        ("sessions.rate == 2/s", 2.0, True),
        ("stop.p95 < 1s", None, False),
    ],
)
def test_figures_are_judged_in_their_unit(text: str, actual: float | None, met: bool) -> None:
    """Each kind of figure is taken from what was measured; one without samples is never met."""
    outcome = Figures.of(measured()).judge(parse_slo(text))
    assert (outcome.actual, outcome.met) == (actual, met)


@pytest.mark.parametrize("text", ["violations == 0", "lost == 0", "failed.rate < 1%", "turns.rate < 5/s", "turns < 1"])
def test_a_run_without_calls_meets_nothing(text: str) -> None:
    """Nothing is green on nothing."""
    empty = measured(turns=0, stops=0, steady_turns=0, sessions={}, series=(), latency={}, corrected={}, by_turn={})
    assert not Figures.of(empty).judge(parse_slo(text)).met


def test_shares_are_of_their_whole() -> None:
    """Refused and failed are shares of calls, lost ones of sessions, violations of turns."""
    sessions = {"started": 20, "lost": 5}
    found = Figures.of(measured(refused=10, failed=5, violations={"TRN-002": 4}, sessions=sessions))
    texts = ("refused.rate < 1%", "failed.rate < 1%", "lost.rate < 1%", "violations.rate < 1%")
    actual = [found.judge(parse_slo(text)).actual for text in texts]
    assert actual == [8.0, 4.0, 25.0, 4.0]


def test_histograms_merge_without_loss() -> None:
    """The percentiles of all turns are those of first and later turns together, not an average."""
    latency = {"turn first": encoded([1_000] * 99), "turn next": encoded([1_000_000] * 1)}
    found = Figures.of(measured(latency=latency))
    assert found.judge(parse_slo("turn.p99 < 2ms")).met
    assert not found.judge(parse_slo("turn.max < 999ms")).met
