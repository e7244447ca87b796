"""Levels, selections, expected failures: what a run must have tested for exit 0, and what it says when it has not."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.conformance.zoo import reported, target_of
from tests.servers.broken import BROKEN
from tests.servers.spec import SpecServer

import wfconform
from wfconform.conformance import CheckOptions, run_check
from wfconform.errors import UsageError
from wfconform.outcomes import Run, Verdict
from wfconform.requirements import catalogue
from wfconform.target import Target, Workflows


def check(target: Target | None = None, app: Any = None, **options: Any) -> Run:
    chosen = CheckOptions(**options)
    return asyncio.run(run_check(target or target_of(), chosen, app=app or SpecServer(slow_s=1.0)))


def only_conversation() -> Target:
    target = target_of()
    return replace(target, workflows=Workflows(conversation=target.workflows.conversation))


def verdict(run: Run, id: str) -> Verdict:
    return next(result.verdict for result in run.results if result.id == id)


def broken(name: str) -> Any:
    return next(case for case in BROKEN if case.name == name).make()


def test_one_role_and_one_key_suffice_for_core() -> None:
    """A target with nothing but the conversation passes at level core; the rest says why it was not tested."""
    target = only_conversation()
    single = replace(target, access=replace(target.access, second_api_key=None))
    run = check(single, level="core")
    assert (run.exit_code, reported(run)) == (0, {})
    reasons = {result.id: result.message for result in run.results if result.verdict is Verdict.NOT_TESTED}
    assert reasons["VER-001"] == "not configured: the role versioned"
    assert reasons["AUT-003"] == "not configured: a second tenant's key (second_api_key_env)"
    assert reasons["EXE-013"] == "not configured: echoes = true"


def test_level_full_names_what_is_not_configured() -> None:
    """The same target at level full exits 3 and lists the access that is missing."""
    run = check(only_conversation(), level="full")
    assert run.exit_code == 3
    said = " ".join(problem.message for problem in run.problems)
    assert "VER-001" in said
    assert "the role slow" in said


def test_without_authentication_aut_is_spared_at_core_only() -> None:
    """auth = none: AUT is not tested; that is fine for core and not for full."""
    target = target_of()
    open_to_all = replace(target, access=replace(target.access, auth="none", api_key=None, second_api_key=None))

    by_level = {level: check(open_to_all, _keyless(), level=level) for level in ("core", "full")}
    assert {level: run.exit_code for level, run in by_level.items()} == {"core": 0, "full": 3}
    assert Verdict.NOT_TESTED is verdict(by_level["core"], "AUT-001")


def _keyless() -> Any:
    inner = SpecServer(slow_s=1.0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            kept = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
            scope = {**scope, "headers": [*kept, (b"authorization", b"Bearer key-one")]}
        await inner(scope, receive, send)

    return app


def test_only_and_skip_judge_the_selection() -> None:
    """--only and --skip leave out everything else, and the run says that it is partial."""
    run = check(only=("TRN", "RUN-003"), skip=("TRN-005",))
    wanted = {id for id in catalogue() if id.startswith("TRN") or id == "RUN-003"} - {"TRN-005"}
    assert (wanted, True, 0) == ({result.id for result in run.results}, run.partial, run.exit_code)


def test_a_failure_outside_the_selection_does_not_count() -> None:
    """The exit code is judged over the selection alone."""
    app = broken("lags-behind")
    assert check(app=app, only=("AUT-001",)).exit_code == 0
    assert check(app=broken("lags-behind"), only=("TRN-002",)).exit_code == 1


@pytest.mark.parametrize(
    "wrong", [{"only": ("TRN-999",)}, {"skip": ("NO",)}, {"level": "gold"}, {"only": ("DUR",), "skip": ("DUR",)}]
)
def test_what_names_nothing_is_an_error(wrong: dict[str, Any]) -> None:
    """An unknown ID, an unknown level, an empty selection: UsageError, never a green run."""
    with pytest.raises(UsageError):
        check(**wrong)


def test_a_selection_that_exercises_nothing_is_not_green() -> None:
    """Only requirements that this run cannot show: exit 3."""
    run = check(only=("DUR-001",))
    assert run.exit_code == 3
    assert "no requirement was exercised" in run.problems[0].message


def test_an_expected_failure_is_accepted_and_an_expected_failure_that_passes_is_not() -> None:
    """[expected_failures]: a known failure leaves exit 0; once it passes, the entry fails the run and says so."""
    target = replace(target_of(), expected_failures={"TRN-002": "ticket OPS-1"})
    known = check(target, broken("lags-behind"), only=("TRN-002",))
    assert (known.exit_code, verdict(known, "TRN-002")) == (0, Verdict.EXPECTED_FAILURE)
    fixed = check(target, only=("TRN-002",))
    assert (fixed.exit_code, verdict(fixed, "TRN-002")) == (1, Verdict.FAIL)
    assert "remove it from [expected_failures]" in fixed.results[0].message


def test_a_warning_fails_under_strict_only() -> None:
    """A broken SHOULD is a warning with exit 0, and exit 1 under --strict."""
    exits = {strict: check(app=broken("milliseconds"), only=("EVT-005",), strict=strict) for strict in (False, True)}
    assert {strict: run.exit_code for strict, run in exits.items()} == {False: 0, True: 1}
    assert Verdict.WARN is verdict(exits[False], "EVT-005")


def test_a_role_that_does_not_behave_as_declared_is_named() -> None:
    """A conversation that completes in its first turn: exit 3, and the role is named."""
    target = target_of()
    mixed_up = replace(target, workflows=replace(target.workflows, slow=target.workflows.completes))
    run = check(mixed_up, level="core")
    assert run.exit_code == 3
    assert any("the role slow does not behave as declared" in problem.message for problem in run.problems)


def test_the_same_seed_sends_the_same_texts() -> None:
    """Two runs with one seed open the same sessions with the same marks; another seed does not."""

    def bodies(seed: int) -> set[str]:
        run = check(app=broken("one-input-behind"), only=("TRN-007",), seed=seed)
        evidence = run.results[0].evidence
        return {turn.request_body[-80:] for one in evidence for turn in one.turns if "wfm" in turn.request_body}

    assert bodies(7) == bodies(7)
    assert bodies(7) != bodies(8)


def test_check_takes_an_application_and_works_inside_a_running_loop() -> None:
    """wfconform.check(app, …) needs no target file, and may be called from asynchronous code."""
    target = target_of()

    async def inside() -> Run:
        return wfconform.check(SpecServer(), target=target, level="core", only=("RUN-004",))

    assert asyncio.run(inside()).exit_code == 0
    run = wfconform.check(
        SpecServer(), workflows={"conversation": target.workflows.conversation}, api_key="key-one", only=("RUN-004",)
    )
    assert run.exit_code == 0


def test_check_refuses_what_does_not_fit() -> None:
    """No workflows, an unknown option, a target beside workflows: UsageError."""
    for wrong in (
        {},
        {"workflows": {"conversation": "0" * 24}, "levle": "core"},
        {"target": target_of(), "api_key": "x"},
    ):
        with pytest.raises(UsageError):
            wfconform.check(SpecServer(), **wrong)


@pytest.mark.parametrize(("name", "id"), [("aborted-is-not-completed", "STS-003"), ("key-in-refusals", "AUT-004")])
def test_a_selection_is_judged_as_in_the_whole(name: str, id: str) -> None:
    """What only a special session shows is shown to who asks for that requirement alone."""
    assert check(app=broken(name), only=(id,)).exit_code == 1
