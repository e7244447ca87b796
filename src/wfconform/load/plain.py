"""Plain Locust: sessions as Locust users, for locustfiles; options in Locust's own --help and web form.

A user is a slot: it holds one session through its think times, and begins the next at once. Keys come from the
environment alone (WFCONFORM_API_KEY), because Locust sends its options to workers, and shows them, in clear.
"""

import json
import logging
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from wfconform.errors import UsageError, WfconformError
from wfconform.load.encoding import API_KEY_VARIABLE, HEADERS_VARIABLE
from wfconform.load.generator import STOP_ROUNDS, Choice, refuse_unplayable
from wfconform.load.measured import Violation
from wfconform.load.plan import SCENARIOS, Distribution, Plan, Stage, Think
from wfconform.load.playing import LeavingError, Playing
from wfconform.load.shared import Shared
from wfconform.target import Access, Secret, Target, Versioned, Workflows

DEFAULT_WORKFLOW = "5eb7cf5a86d9755df3a6c593"  # the embedded reference's conversation
_FAILURES_SHOWN = 20
FOR_EVER_S = 3600.0


class RequirementError(Exception):
    """A requirement was broken; Locust lists it as a failure by its ID."""


@events.init_command_line_parser.add_listener
def add_options(parser: Any, **_: Any) -> None:
    """Add what a session is made of; the key is no option, for options travel and are shown in clear."""
    add = parser.add_argument  # a group of its own would not show in the web form
    add("--wf-workflow", default=DEFAULT_WORKFLOW, metavar="ID", help="Workflow of the role conversation.")
    add("--wf-end", default="", metavar="TEXT", help="Text that completes the conversation.")
    add("--wf-echoes", default="no", choices=("yes", "no"), help="Its answers repeat the user's text.")
    add("--wf-slow", default="", metavar="ID", help="Workflow of the role slow.")
    add("--wf-versioned", default="", metavar="JSON", help='Role versioned: {"id": …, "versions": {"0": "text"}}.')
    add("--wf-mix", default="", metavar="NAME=WEIGHT,…", help=f"Kinds of sessions: {', '.join(SCENARIOS)}.")
    add("--wf-turns", default="5", metavar="N or N-M", help="Turns of a session.")
    add("--wf-think", default="exponential:1", metavar="KIND:MEAN[:SPREAD]", help="Think time in seconds.")
    add("--wf-seed", type=int, default=1, help="Seed of all draws.")
    add("--wf-help", action="help", help="Locust's help with these options: its own --help reads no locustfile.")
    add("--wf-leave-open", default="no", choices=("yes", "no"), help="Do not stop runs that are open at the end.")


def target_of(options: Namespace, host: str, environment: Mapping[str, str] = os.environ) -> Target:
    """Return the target that Locust's options and the environment describe; raises UsageError."""
    key = environment.get(API_KEY_VARIABLE)
    headers = json.loads(environment.get(HEADERS_VARIABLE, "{}"))
    access = Access(
        base_url=host,
        api_key=Secret(key) if key else None,
        auth="bearer" if key else "none",
        headers={name: Secret(value) for name, value in headers.items()},
    )
    flows = Workflows(
        conversation=options.wf_workflow,
        conversation_end=options.wf_end or None,
        echoes=options.wf_echoes == "yes",
        slow=options.wf_slow or None,
        versioned=_versioned(options.wf_versioned),
    )
    return Target(access=access, workflows=flows)


def _versioned(text: str) -> Versioned | None:
    if not text:
        return None
    try:
        value = json.loads(text)
        return Versioned(value["id"], {int(number): said for number, said in value["versions"].items()})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--wf-versioned cannot be read: {error}", hint='{"id": "…", "versions": {"0": "text"}}'
        ) from None


def plan_of(options: Namespace, mix: Sequence[tuple[str, float]]) -> Plan:
    """Return what the options say of sessions, as a plan; Locust has its own users and times. Raises UsageError."""
    least, _, most = options.wf_turns.partition("-")
    kind, *numbers = options.wf_think.split(":")
    kinds: dict[str, Distribution] = {
        "constant": "constant",
        "uniform": "uniform",
        "exponential": "exponential",
        "lognormal": "lognormal",
    }
    try:
        turns = int(least), int(most or least)
        think = Think(kinds[kind], *(float(number) for number in numbers))
        pairs = [one.partition("=") for one in options.wf_mix.split(",") if one]
        drawn = tuple((name.strip(), float(weight or 1)) for name, _, weight in pairs) or tuple(mix)
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"--wf-turns, --wf-think or --wf-mix cannot be read: {error}") from None
    stage = Stage("locust", "closed", "steady", 1.0, 1.0, 1.0)
    return Plan(
        profile="locust",
        stages=(stage,),
        mix=drawn,
        turns=turns,
        think=think,
        seed=options.wf_seed,
        leave_open=options.wf_leave_open == "yes",
    )


class Playground:
    """What all session users of one environment share; made when the first of them starts."""

    def __init__(self, environment: Environment, mix: Sequence[tuple[str, float]]) -> None:
        options: Any = environment.parsed_options
        self.plan = plan_of(options, mix)
        runner: Any = environment.runner
        index = max(0, runner.worker_index) if isinstance(runner, WorkerRunner) else 0
        target = target_of(options, environment.host or "")
        refuse_unplayable(self.plan, target)
        self.shared = Shared(target, seed=self.plan.seed * 1000 + index, told=self._told)
        self.shared.leave_open = self.plan.leave_open
        self.shared.evidence.load_reproducers()
        self.choice = Choice(self.plan, self.shared, index=index)
        self._request = environment.events.request

    def _told(self, row: str, us: int, length: int, failed: str | None) -> None:
        error = RequirementError(failed) if failed is not None else None
        name = failed if row == "violation" and failed is not None else row
        kind = {"session": "SESSION", "violation": "CHECK"}.get(row, "POST")
        self._request.fire(
            request_type=kind, name=name, response_time=us / 1000, response_length=length, exception=error, context={}
        )


def _playground(user: "SessionUser") -> Playground | None:
    """Return what the users of a class share; None: the options are wrong, which was said, and the run ends."""
    environment: Any = user.environment
    made: dict[str, Playground | None] = environment.__dict__.setdefault("wfconform", {})
    name = type(user).__name__
    if name not in made:
        try:
            made[name] = Playground(environment, user.mix)
        except WfconformError as error:
            made[name] = None
            environment.process_exit_code = error.exit_code
            _say(f"wfconform: {error}; {error.hint}" if error.hint else f"wfconform: {error}")
            gevent.spawn(environment.runner.quit)
    return made[name]


class SessionUser(User):
    """One slot: sessions one after the other, each judged turn by turn. mix: kinds of sessions and their weights."""

    abstract = True
    mix: Sequence[tuple[str, float]] = (("abandon", 1.0),)

    def on_start(self) -> None:
        """Make what users share, and wait for a random phase: users that start together must not stay in step."""
        ground = _playground(self)
        if ground is None:
            gevent.sleep(FOR_EVER_S)  # the run is about to end
            return
        self.playground = ground
        self.playing: Playing | None = None
        gevent.sleep(self.playground.choice.phase_s())

    @task
    def session(self) -> None:
        """Play one session to its end."""
        ground = self.playground
        name, spec, visit = ground.choice.draw()
        self.playing = Playing(ground.shared, name, spec, visit, patience_s=ground.plan.refusal_wait_s)
        try:
            outcome = self.playing.play()
        except LeavingError:
            return
        self.playing = None
        if outcome in ("lost", "refused"):
            gevent.sleep(Random().uniform(0.1, 0.5))  # noqa: S311 - not secret

    def on_stop(self) -> None:
        """Stop the run of a session that was under way."""
        playing = getattr(self, "playing", None)
        if playing is not None and not self.playground.plan.leave_open:
            playing.stop_open()


def _say(text: str) -> None:
    logging.getLogger("wfconform").error(text)


@events.test_stop.add_listener
def tell_and_tidy(environment: Environment, **_: Any) -> None:
    """Stop what sessions left behind, tell the first violations, and send the last statistics to the master."""
    grounds: dict[str, Playground | None] = environment.__dict__.pop("wfconform", {})
    for ground in filter(None, grounds.values()):
        _tidy(ground)
        for violation in ground.shared.tally.first[:_FAILURES_SHOWN]:
            _say(_line(violation))
    runner: Any = environment.runner
    if isinstance(runner, WorkerRunner):
        runner._send_stats()  # the rows since the last report would be lost with this process


def _tidy(ground: Playground) -> None:
    shared = ground.shared
    if ground.plan.leave_open or not shared.abandoned:
        return
    name, spec, visit = ground.choice.draw()
    one = Playing(shared, name, spec, visit, patience_s=ground.plan.refusal_wait_s)
    with gevent.Timeout(ground.plan.stop_timeout_s, exception=False):
        for _ in range(STOP_ROUNDS):
            runs, shared.abandoned = shared.abandoned, []
            shared.abandoned = [run for run in runs if not one.stop_forgotten(*run)]


def _line(violation: Violation) -> str:
    where = f" at {violation.path}" if violation.path else ""
    return f"{violation.id} in {violation.scenario}{where}: expected {violation.expected}, got {violation.actual}"
