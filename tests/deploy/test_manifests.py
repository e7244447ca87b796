"""The files under deploy/: they are YAML that says each thing once, and their commands are commands of this program."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from wfconform.cli.commands import app
from wfconform.config.profile import profile_names
from wfconform.requirements import load_yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = sorted(DEPLOY.rglob("*.yaml"))
_IN_COMPOSE = re.compile(r"\$\{\w+(?::[-?]([^}]*))?\}")


def _documents(path: Path) -> list[Any]:
    """The documents of a file, each read by the strict loader."""
    return [load_yaml(part) for part in re.split(r"(?m)^---\n", path.read_text(encoding="utf-8"))]


def _loads() -> list[list[str]]:
    """The arguments of every `wfconform load` in the files."""
    compose = _documents(DEPLOY / "compose.yaml")[0]
    found = [service["command"] for service in compose["services"].values()]
    for document in _documents(DEPLOY / "kubernetes" / "load.yaml"):
        if document["kind"] == "Job":
            found += [one["args"] for one in document["spec"]["template"]["spec"]["containers"]]
    return [[_IN_COMPOSE.sub(lambda hit: hit[1] or "", part) for part in command] for command in found]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_strict_yaml(path: Path) -> None:
    """No key is given twice, and the plain loader reads the same."""
    documents = _documents(path)
    assert documents == list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert all(documents)


def test_all_manifests_are_there() -> None:
    """Compose, plain Kubernetes, the Locust operator."""
    names = [path.name for path in MANIFESTS]
    assert sorted(names) == ["compose.yaml", "load.yaml", "locust-operator.yaml"]


@pytest.mark.parametrize("command", _loads(), ids=" ".join)
def test_the_commands_are_known(command: list[str]) -> None:
    """Every option is one that `wfconform load` has, and the profile is shipped."""
    known = set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, ["load", "--help"], terminal_width=200).output))
    options = dict(part.partition("=")[::2] for part in command[1:])
    assert command[0] == "load"
    assert set(options) <= known
    assert options.get("--profile", "steady") in profile_names()


def test_a_master_and_its_workers_agree() -> None:
    """The master waits for as many workers as there are, under the name and the port that they are told."""
    documents = {(document["kind"], document["metadata"]["name"]): document for document in _kubernetes()}
    worker = documents["Job", "wfconform-load-worker"]["spec"]
    master = documents["Job", "wfconform-load-master"]["spec"]["template"]
    service = documents["Service", "wfconform-load-master"]["spec"]
    arguments = worker["template"]["spec"]["containers"][0]["args"]
    assert f"--expect-workers={worker['parallelism']}" in master["spec"]["containers"][0]["args"]
    assert worker["parallelism"] == worker["completions"]
    assert "--master-host=wfconform-load-master" in arguments
    assert service["selector"].items() <= master["metadata"]["labels"].items()
    assert service["ports"][0]["port"] == 5557


def _kubernetes() -> list[Any]:
    return _documents(DEPLOY / "kubernetes" / "load.yaml")


def test_nothing_runs_as_root() -> None:
    """The image names its user, and every container is told so."""
    assert "\nUSER 65532" in (DEPLOY.parent / "Dockerfile").read_text()
    jobs = [document["spec"]["template"]["spec"] for document in _kubernetes() if document["kind"] == "Job"]
    contexts = [container["securityContext"] for job in jobs for container in job["containers"]]
    assert [context["runAsNonRoot"] for context in contexts] == [True, True]


def test_no_secret_is_written_in_a_manifest() -> None:
    """Keys come from the environment or a Secret."""
    texts = {path.name: path.read_text() for path in MANIFESTS}
    assert "secretRef" in texts["load.yaml"]
    assert not [name for name, text in texts.items() if re.search(r"API_KEY: (?!\$\{)\S|Bearer \S", text)]
