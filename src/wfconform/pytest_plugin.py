"""The pytest plugin: one test item for each requirement, over a deployment (`--wf-url`, `--wf-config`) or an ASGI app.

The check runs once for each session, when the first of its items runs, and all items share its result. Under xdist
the first worker that has an item makes it, whatever `--dist` says; the others wait for it and read what came of it.
Everything is named `wf_` or `--wf-`, so that it stands beside the plugins of Locust and schemathesis.
"""

import pickle
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wfconform.outcomes import RequirementResult, Run

_OPTIONS = {
    "--wf-url": ("wf_url", "base URL of the deployment, the part before /v1/workflows/…"),
    "--wf-config": ("wf_config", "target file (else WFCONFORM_CONFIG, or ./wfconform.toml with --wf-url)"),
    "--wf-level": ("wf_level", "core or full: what must have been tested (default: core)"),
    "--wf-only": ("wf_only", "requirements or groups: TRN,EXE-001"),
    "--wf-skip": ("wf_skip", "requirements or groups to leave out"),
    "--wf-seed": ("wf_seed", "repeats texts and order (default: 1)"),
    "--wf-app": ("wf_app", "ASGI application as module:name, tested in-process"),
}
_NOTHING_FOUND = "wfconform: neither a deployment nor an application"
_SHOWN_EVIDENCE = 2
_TEXT_LIMIT = 400


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the --wf-* options."""
    group = parser.getgroup("wfconform", "conformance of a workflow execute endpoint")
    for option, (dest, help) in _OPTIONS.items():
        group.addoption(option, dest=dest, default=None, help=help)
    group.addoption(
        "--wf-strict", dest="wf_strict", action="store_true", default=False, help="a broken SHOULD fails, too"
    )
    group.addoption(
        "--wf-redact-bodies", dest="wf_redact_bodies", action="store_true", default=False, help="texts become hashes"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "wfconform(id): an item that is a requirement of the execute endpoint")


class _Shared:
    """The run of this process: made by whoever asks first."""

    def __init__(self, make: "Callable[[], Run]") -> None:
        self._make = make
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._error: BaseException | None = None

    def run(self) -> "Run":
        with self._lock:
            if self._run is None and self._error is None:
                try:
                    self._run = self._make()
                except Exception as error:
                    self._error = error
        if self._run is None:
            raise self._error or AssertionError
        return self._run


# --- items over a deployment


def pytest_collection(session: pytest.Session) -> None:
    """Say early what is wrong with the options."""
    config = session.config
    if config.getoption("wf_url") and config.getoption("wf_app"):
        raise pytest.UsageError("--wf-url and --wf-app were both given: leave one of them out")
    named = config.getoption("wf_config")
    if named and not Path(named).is_file():
        raise pytest.UsageError(f"--wf-config: {named}: no such file")
    if _wanted(config):
        _selected(config)


@pytest.hookimpl(wrapper=True)  # before all others: -k selects among the items, xdist groups them
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Add an item for each selected requirement when a deployment or an application is named."""
    if _wanted(config) and not any(isinstance(item, RequirementItem) for item in items):
        collector = RequirementCollector.from_parent(session, name="wfconform", nodeid="wfconform")
        items.extend(collector.collect())
    return (yield)


def _wanted(config: pytest.Config) -> bool:
    return any(config.getoption(name) for name in ("wf_url", "wf_config", "wf_app"))


def _selected(config: pytest.Config) -> list[str]:
    from wfconform.errors import WfconformError
    from wfconform.requirements import catalogue, required_at, select

    try:
        required_at(config.getoption("wf_level") or "core")
        int(config.getoption("wf_seed") or 1)
        chosen = select(_listed(config, "wf_only")) if _listed(config, "wf_only") else frozenset(catalogue())
        chosen -= select(_listed(config, "wf_skip"))
    except WfconformError as error:
        raise pytest.UsageError(f"wfconform: {error} ({error.hint})") from None
    except ValueError:
        raise pytest.UsageError("--wf-seed: must be a number") from None
    if not chosen:
        raise pytest.UsageError("--wf-only and --wf-skip leave no requirement")
    return [id for id in catalogue() if id in chosen]


def _listed(config: pytest.Config, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in (config.getoption(name) or "").split(",") if part.strip())


class RequirementCollector(pytest.Collector):
    """All requirements; the check is made when the first of them runs."""

    def collect(self) -> Iterator["RequirementItem"]:
        """Yield an item for each requirement that is selected, and one for the run as a whole."""
        shared = _Shared(lambda: _once(self.config))
        yield RequirementItem.from_parent(self, name="run", id="", shared=shared)
        for id in _selected(self.config):
            yield RequirementItem.from_parent(self, name=f"{id}", id=id, shared=shared)


class RequirementItem(pytest.Item):
    """One requirement, or (without an id) whether the run could be judged."""

    def __init__(self, *, id: str, shared: _Shared, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.requirement = id
        self._shared = shared
        self.add_marker(pytest.mark.wfconform(id))
        if id:
            from wfconform.requirements import catalogue

            found = catalogue()[id]
            self.user_properties += [("level", found.level.value), ("clause", found.clause)]

    def runtest(self) -> None:
        """Fail, skip or pass as the requirement did; where nothing could be tested the run's item says so, once."""
        if not self.requirement:
            _judge_run(self._shared.run())
            return
        run = self._tested()
        result = next((one for one in run.results if one.id == self.requirement), None)
        _judge(result, strict=run.strict)

    def _tested(self) -> "Run":
        """Return a run in which anything was tested; else skip, or fail where -k left out the item that says why."""
        from wfconform.errors import WfconformError
        from wfconform.outcomes import Verdict

        told = any(isinstance(item, RequirementItem) and not item.requirement for item in self.session.items)
        try:
            run = self._shared.run()
        except WfconformError as error:
            if told:
                pytest.skip(f"not tested: {error}")
            raise
        if not run.problems or any(one.verdict is not Verdict.NOT_TESTED for one in run.results):
            return run
        if told:
            pytest.skip(f"not tested: {run.problems[0].message}")
        _judge_run(run)
        return run

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002
        """Return what is shown: no traceback, for nobody's code is at fault."""
        from wfconform.errors import WfconformError

        error = excinfo.value
        if isinstance(error, WfconformError):
            return f"{error}\n{error.hint}".strip()
        if isinstance(error, RequirementBroken):
            return str(error)
        return f"wfconform failed itself: {type(error).__name__}"

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say where the item comes from."""
        return Path("wfconform"), None, f"wfconform {self.name}"


class RequirementBroken(Exception):
    """A requirement was broken; the text is the whole report of it, secrets left out."""


def _judge_run(run: "Run") -> None:
    if run.problems:
        raise RequirementBroken("\n".join(f"{one.message}\n{one.hint}".strip() for one in run.problems))


def _judge(result: "RequirementResult | None", *, strict: bool) -> None:
    from wfconform.outcomes import Verdict

    if result is None:
        pytest.skip("not tested")
    if result.verdict in (Verdict.FAIL, Verdict.ERROR) or (strict and result.verdict is Verdict.WARN):
        raise RequirementBroken(_story(result))
    if result.verdict is Verdict.NOT_TESTED:
        pytest.skip(result.message or "not tested")
    if result.verdict is Verdict.EXPECTED_FAILURE:
        pytest.xfail(result.message)
    if result.verdict is Verdict.WARN:
        import warnings

        warnings.warn(WfconformWarning(f"{result.id}: {result.message}"), stacklevel=1)


class WfconformWarning(UserWarning):
    """A SHOULD was broken."""


def _story(result: "RequirementResult") -> str:
    from wfconform.report.text import clipped, plain
    from wfconform.requirements import catalogue

    requirement = catalogue()[result.id]
    rows = [f"{result.id} {requirement.level.value} {requirement.clause}: {requirement.statement}"]
    rows += [plain(result.message)] if not result.evidence else []
    for evidence in result.evidence[:_SHOWN_EVIDENCE]:
        rows.append(f"  expected: {clipped(evidence.expected, _TEXT_LIMIT)}")
        rows.append(f"  actual: {clipped(evidence.actual, _TEXT_LIMIT)} {plain(evidence.path)}".rstrip())
        for index, turn in enumerate(evidence.turns):
            mark = "->" if index == evidence.at_turn else "  "
            answer = turn.failure if turn.status is None else f"{turn.status} {turn.response_body}"
            rows.append(f"  {mark} {plain(turn.request)} {clipped(turn.request_body, _TEXT_LIMIT)}")
            rows.append(f"       {clipped(answer, _TEXT_LIMIT)}")
    return "\n".join(rows)


# --- the check


def _once(config: pytest.Config) -> "Run":
    """Make the check, or read what another worker of the same session made of it."""
    place = _shared_place(config)
    if place is None:
        return _check(config)
    from fcntl import LOCK_EX, flock

    with place.with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if place.exists():
            found: Run = pickle.loads(place.read_bytes())  # noqa: S301 - written below, in a directory of our own
            return found
        run = _check(config)
        place.write_bytes(pickle.dumps(run))
        return run


def _shared_place(config: pytest.Config) -> Path | None:
    """Return the file that the workers of a session share, None when there are no workers or no locks."""
    uid = getattr(config, "workerinput", {}).get("testrunuid")
    factory = getattr(config, "_tmp_path_factory", None)
    if uid is None or factory is None or find_spec("fcntl") is None:
        return None
    base: Path = factory.getbasetemp()
    return base.parent / f"wfconform-{uid}.run"


def _check(config: pytest.Config) -> "Run":
    """Check what the options name, with the keys of the environment; raises WfconformError as the command does."""
    import os

    from wfconform.conformance import check
    from wfconform.report.redaction import redact_bodies

    target = _target(config)
    what: Any = _application(config) or target.access.base_url
    run = check(what, target=target, **_options(config))
    return redact_bodies(run, salt=os.urandom(16)) if config.getoption("wf_redact_bodies") else run


def _options(config: pytest.Config) -> dict[str, Any]:
    return {
        "level": config.getoption("wf_level") or "core",
        "only": _listed(config, "wf_only"),
        "skip": _listed(config, "wf_skip"),
        "strict": bool(config.getoption("wf_strict")),
        "seed": int(config.getoption("wf_seed") or 1),
    }


def _target(config: pytest.Config) -> Any:
    from wfconform.config import Overrides, resolve
    from wfconform.errors import UsageError

    named = config.getoption("wf_config")
    url = config.getoption("wf_url") or ("http://wfconform.invalid" if config.getoption("wf_app") else None)
    found = resolve(Overrides(target=url, config=Path(named) if named else None))
    if found is None:
        raise UsageError(_NOTHING_FOUND, hint="--wf-url URL, or --wf-config FILE")
    return found.target


def _application(config: pytest.Config) -> Any:
    from importlib import import_module

    from wfconform.errors import UsageError

    named = config.getoption("wf_app")
    if not named:
        return None
    module, _, attribute = named.partition(":")
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "write it as module:name; the module is looked for in the directory that pytest was started in, too"
        raise UsageError(f"--wf-app: {named} cannot be imported: {error}", hint=hint) from None


# --- a fixture over an application of the tests


@pytest.fixture(scope="session")
def wf_target() -> "Callable[..., Run]":
    """Check an ASGI application (or a URL) as `wfconform.check` does; the same call is made once for each session.

    `run = wf_target(app, workflows={"conversation": "…"}, api_key="…")`; then `assert run.exit_code == 0`, or one test
    for each requirement over `run.results`.
    """
    made: dict[tuple[int, str], Run] = {}

    def checked(app_or_url: Any, **settings: Any) -> "Run":
        from wfconform.conformance import check

        key = (id(app_or_url), repr(sorted(settings.items(), key=lambda item: item[0])))
        if key not in made:
            made[key] = check(app_or_url, **settings)
        return made[key]

    return checked
