"""`wfconform.check`: the suite for programs and notebooks."""

import asyncio
import re
import threading
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from wfconform.conformance.http import ASGIApp
from wfconform.conformance.options import DEFAULT_EXAMPLES, CheckOptions
from wfconform.conformance.suite import run_check
from wfconform.errors import UsageError
from wfconform.outcomes import Run
from wfconform.requirements import ROLES
from wfconform.target import Access, Secret, Target, Workflows

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
IN_PROCESS = "http://wfconform.invalid"


async def check_async(
    app_or_url: ASGIApp | str,
    *,
    workflows: Workflows | Mapping[str, Any] | None = None,
    target: Target | None = None,
    api_key: str | None = None,
    second_api_key: str | None = None,
    **options: Any,
) -> Run:
    """Check a base URL, or an ASGI application in-process, and return the Run.

    Describe the deployment by `target` (then app_or_url replaces its base URL), or by `workflows` (a Workflows, or a
    mapping with at least `conversation`) and the keys; without a key the target is taken to want none. options: the
    fields of CheckOptions (level, only, skip, strict, seed, concurrency, scripted, examples, explore, time_budget_s);
    generated requests are made as on the command line, examples=0 leaves them out. Raises UsageError for what does
    not fit.
    """
    if not isinstance(app_or_url, str) and not callable(app_or_url):
        raise UsageError(f"neither a base URL nor an ASGI application: {app_or_url!r}")
    app = None if isinstance(app_or_url, str) else app_or_url
    url = app_or_url if isinstance(app_or_url, str) else IN_PROCESS
    described = target or _target(url, workflows, api_key, second_api_key)
    if target is not None and (workflows or api_key or second_api_key):
        raise UsageError("give either a target, or workflows and keys")
    if target is not None and app is None:
        described = replace(target, access=replace(target.access, base_url=url))
    try:
        chosen = CheckOptions(
            **{"examples": DEFAULT_EXAMPLES, **{name: _listed(name, value) for name, value in options.items()}}
        )
    except TypeError as error:
        raise UsageError(f"unknown option of a check: {error}") from None
    return await run_check(described, chosen, app=app)


def check(app_or_url: ASGIApp | str, **settings: Any) -> Run:
    """Check and return the Run, as check_async does; on a thread of its own, so inside a running event loop, too."""
    outcome: list[Run | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(check_async(app_or_url, **settings)))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="wfconform-check", daemon=True)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _listed(name: str, value: Any) -> Any:
    """Let `only` and `skip` be one string, as on the command line."""
    listed = name in ("only", "skip")
    return tuple(value.split(",") if isinstance(value, str) else value) if listed else value


def _target(
    url: str, workflows: Workflows | Mapping[str, Any] | None, key: str | None, second_key: str | None
) -> Target:
    if workflows is None:
        raise UsageError("say which workflows to run: workflows={'conversation': '…'}, or give a target")
    try:
        flows = workflows if isinstance(workflows, Workflows) else Workflows(**workflows)
    except TypeError as error:
        raise UsageError(
            f"workflows: {error}", hint=f"one of: {', '.join(field.name for field in fields(Workflows))}"
        ) from None
    for role in ROLES:
        id = flows.id_of(role)
        if id is not None and not _OBJECT_ID.fullmatch(id):
            raise UsageError(f"workflows: {role}: a workflow id is 24 hexadecimal digits in lower case, not {id!r}")
    access = Access(
        base_url=url,
        api_key=Secret(key) if key else None,
        second_api_key=Secret(second_key) if second_key else None,
        auth="bearer" if key else "none",
    )
    return Target(access=access, workflows=flows)
