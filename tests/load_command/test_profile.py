"""Profiles: those that are shipped, own files and what is wrong with them, and what the command line changes."""

from pathlib import Path

import pytest

from wfconform.config.profile import describe_profiles, profile_names, read_profile
from wfconform.errors import ConfigError, UsageError
from wfconform.load.plan import SCENARIOS, Think
from wfconform.load.profile import Changes, changed, fitted

GOOD = """
turns = [2, 4]
slo = ["turn.p95 < 500ms"]
mix = { complete = 3, cancel = 1 }
think = { distribution = "uniform", mean_s = 2.0, spread = 1.0 }
[[stage]]
phase = "warm-up"
arrivals = [0, 5]
duration_s = 10
[[stage]]
arrivals = 5
duration_s = 30
"""


def _written(folder: Path, content: str) -> str:
    path = folder / "mine.toml"
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_is_whole(name: str) -> None:
    """Each one has steady stages, objectives, a description, and knows its scenarios."""
    plan = read_profile(name)
    assert any(stage.phase == "steady" for stage in plan.stages)
    assert "violations == 0" in plan.slos
    assert {scenario for scenario, _ in plan.mix} <= set(SCENARIOS)
    assert describe_profiles()[name]


def test_the_six_profiles_are_shipped() -> None:
    """The names that the documentation gives are there."""
    assert profile_names() == ("ramp", "smoke", "soak", "spike", "steady", "stress")


def test_smoke_is_quick_and_tries_every_kind_of_session() -> None:
    """It takes less than half a minute and leaves no scenario out."""
    plan = read_profile("smoke")
    assert plan.duration_s < 30
    assert {scenario for scenario, _ in plan.mix} == set(SCENARIOS)


def test_an_own_file_is_read(tmp_path: Path) -> None:
    """Stages, mix, think time, turns and SLOs of a file become the plan."""
    plan = read_profile(_written(tmp_path, GOOD))
    assert [(stage.model, stage.phase, stage.start, stage.end) for stage in plan.stages] == [
        ("open", "warm-up", 0.0, 5.0),
        ("open", "steady", 5.0, 5.0),
    ]
    assert (plan.profile, plan.turns, plan.slos) == ("mine", (2, 4), ("turn.p95 < 500ms",))
    assert plan.mix == (("complete", 3.0), ("cancel", 1.0))
    assert plan.think == Think("uniform", 2.0, 1.0)


def test_texts_are_read_beside_the_profile(tmp_path: Path) -> None:
    """text_file is relative to the profile; empty lines say nothing."""
    (tmp_path / "texts.txt").write_text("hello\n\n  goodbye \n", encoding="utf-8")
    assert read_profile(_written(tmp_path, 'text_file = "texts.txt"\n' + GOOD)).texts == ("hello", "goodbye")


_STAGE = "[[stage]]\nsessions = 5\nduration_s = 10\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "mine.toml: stage: is missing"),
        ("stage = []", "mine.toml: stage: must not be empty"),
        ("[[stage]]\nduration_s = 10", "must have either sessions (at once) or arrivals (per second)"),
        ("[[stage]]\nsessions = 1\narrivals = 1\nduration_s = 10", "must have either sessions"),
        ("[[stage]]\nsessions = 1", "mine.toml: stage.0.duration_s: is missing"),
        ("[[stage]]\nsessions = -1\nduration_s = 10", "must be a number from 0 to"),
        ("[[stage]]\nsessions = [1, 2, 3]\nduration_s = 10", "[from, to]"),
        ("[[stage]]\nsessions = 0\nduration_s = 10", "no stage has a level above 0"),
        ('[[stage]]\nphase = "drain"\nsessions = 5\nduration_s = 10', 'no stage has phase = "steady"'),
        (_STAGE + "[[stage]]\narrivals = 5\nduration_s = 10", "one profile keeps to one of them"),
        ("[[stage]]\nsessions = 5\nduration_s = 0", "greater than 0"),
        ("[[stage]]\nsessions = 5\nduration_s = nan", "greater than 0"),
        ("[[stage]]\nsessions = 5\nduration_s = 1e9", "must be at most a week"),
        ("[[stage]]\nsessions = 5\nlasts = 3\nduration_s = 1", "stage.0.lasts: unknown key"),
        ("slos = []\n" + _STAGE, "slos: unknown key; did you mean slo?"),
        ('slo = ["turn.p95 < 5"]\n' + _STAGE, "              ^"),
        ("mix = { finish = 1 }\n" + _STAGE, "mix: unknown scenario 'finish'"),
        ("mix = { complete = 0 }\n" + _STAGE, "mix: no scenario has a weight"),
        ("mix = { complete = inf }\n" + _STAGE, "mix.complete:"),
        ("turns = [5, 2]\n" + _STAGE, "turns: 5-2 is no range of turns"),
        ("turns = [1, 2, 3]\n" + _STAGE, "turns: must be a number, or [least, most]"),
        ('think = { distribution = "normal" }\n' + _STAGE, "think.distribution: must be 'constant'"),
        ('think = { distribution = "uniform", spread = 3.0 }\n' + _STAGE, "half the width is more than the mean"),
        ('think = { distribution = "constant", spread = 3.0 }\n' + _STAGE, "constant takes no second number"),
        ('text_file = "none.txt"\n' + _STAGE, "none.txt: no such file"),
        ("stage = [", "is not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    """Each error names the file, the key and what is wrong."""
    with pytest.raises((ConfigError, UsageError)) as caught:
        read_profile(_written(tmp_path, content))
    assert said in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["smokey", "none.toml", "no/such/profile"])
def test_a_profile_that_is_not_there_is_named_with_those_that_are(name: str) -> None:
    """The hint lists the shipped profiles."""
    with pytest.raises(ConfigError) as caught:
        read_profile(name)
    assert "smoke" in caught.value.hint


def test_sessions_scale_the_whole_profile() -> None:
    """The highest stage gets the asked level, the others keep their share of it."""
    plan = changed(read_profile("smoke"), Changes(sessions=200))
    assert [(stage.start, stage.end) for stage in plan.stages] == [(10.0, 200.0), (200.0, 200.0), (200.0, 0.0)]


def test_a_small_level_leaves_no_stage_empty() -> None:
    """A stage that had sessions keeps at least one."""
    plan = changed(read_profile("stress"), Changes(sessions=2))
    assert min(stage.start for stage in plan.stages) == 1.0


def test_arrivals_make_a_profile_open() -> None:
    """--arrivals turns a closed profile into an open one with the same shape."""
    plan = changed(read_profile("smoke"), Changes(arrivals=10.0))
    assert {stage.model for stage in plan.stages} == {"open"}
    assert [(stage.start, stage.end) for stage in plan.stages] == [(0.5, 10.0), (10.0, 10.0), (10.0, 0.0)]


def test_the_duration_is_that_of_the_steady_stages() -> None:
    """Warm-up and drain stay as they are; several steady stages share the time as before."""
    plan = changed(read_profile("spike"), Changes(duration="6min"))
    steady = [stage.duration_s for stage in plan.stages if stage.phase == "steady"]
    assert steady == pytest.approx([120.0, 60.0, 180.0])
    assert plan.duration_s == pytest.approx(360 + 15 + 10)


def test_slos_are_added_once() -> None:
    """--slo stands beside those of the profile."""
    plan = changed(read_profile("smoke"), Changes(slos=("turn.p95<1s", "violations == 0")))
    assert plan.slos == ("violations == 0", "lost == 0", "refused.rate < 5%", "turn.p95 < 1s")


@pytest.mark.parametrize(
    ("text", "think"),
    [
        ("2s", Think("exponential", 2.0)),
        ("0", Think("constant", 0.0)),
        ("constant:500ms", Think("constant", 0.5)),
        ("uniform:2s,1s", Think("uniform", 2.0, 1.0)),
        ("exponential:1min", Think("exponential", 60.0)),
        ("lognormal:2s,0.5", Think("lognormal", 2.0, 0.5)),
    ],
)
def test_think_times_are_read(text: str, think: Think) -> None:
    """Each distribution is written as name:mean,spread."""
    assert changed(read_profile("smoke"), Changes(think=text)).think == think


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(sessions=5, arrivals=1.0), "--sessions and --arrivals were both given"),
        (Changes(sessions=0), "--sessions: must be above 0"),
        (Changes(arrivals=float("nan")), "--arrivals: must be above 0"),
        (Changes(duration="soon"), "--duration: 'soon' is no span of time"),
        (Changes(duration="0s"), "--duration: must be at least 1 s"),
        (Changes(duration="400h"), "longer than a week"),
        (Changes(think="normal:2s"), "--think: unknown distribution 'normal'"),
        (Changes(think="exponential:2s,1"), "exponential takes no second number"),
        (Changes(turns="many"), "--turns: 'many' is no number of turns"),
        (Changes(turns="0"), "--turns: 0-0 is no range"),
        (Changes(mix="complete=lots"), "--mix: 'complete=lots': the weight is no number"),
        (Changes(mix="finish=1"), "--mix: unknown scenario 'finish'"),
        (Changes(mix="canzel=1"), "did you mean cancel?"),
        (Changes(mix=","), "--mix: no scenario has a weight"),
        (Changes(slos=("p95 < 1s",)), "there is no figure 'p95'"),
        (Changes(refusal_wait="-1s"), "--refusal-wait: '-1s' is no span of time"),
    ],
)
def test_a_wrong_option_is_named(changes: Changes, said: str) -> None:
    """The error begins with the option and ends with what to write instead."""
    with pytest.raises(UsageError) as caught:
        changed(read_profile("smoke"), changes)
    assert said in str(caught.value)
    assert caught.value.hint


def test_what_the_target_cannot_show_is_left_out() -> None:
    """A profile's scenario for a role that is not configured goes; one that the user named is an error."""
    plan = read_profile("smoke")
    smaller, left_out = fitted(plan, frozenset({"conv"}), asked=False)
    assert left_out == ("complete", "cancel-in-flight", "resume-after-end", "pinned-version")
    assert set(dict(smaller.mix)) == set(SCENARIOS) - set(left_out)
    everything = frozenset({"conv", "end", "slow", "versioned"})
    assert fitted(plan, everything, asked=True) == (plan, ())
    with pytest.raises(UsageError, match="it has no conversation_end, slow, versioned"):
        fitted(plan, frozenset({"conv"}), asked=True)


def test_a_mix_of_which_nothing_is_left_is_refused() -> None:
    """A profile that the target can show nothing of runs nothing."""
    plan = changed(read_profile("smoke"), Changes(mix="pinned-version=1"))
    with pytest.raises(UsageError, match="the target cannot show pinned-version: it has no versioned"):
        fitted(plan, frozenset({"conv"}), asked=False)
