"""The workflows that a reference serves, by id and version."""

from collections.abc import Iterable

from wfconform.reference.model import DefinitionError, Workflow, parse_workflow
from wfconform.shipped import contracts


class Workflows:
    """Finds a workflow's version; the active one runs when none is asked for (§3)."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._versions: dict[tuple[str, int], Workflow] = {}
        self._active: dict[str, Workflow] = {}
        for workflow in workflows:
            self._add(workflow)

    def _add(self, workflow: Workflow) -> None:
        key = workflow.id, workflow.version
        if key in self._versions:
            raise DefinitionError(f"{workflow.name}: version {workflow.version} is defined twice")
        self._versions[key] = workflow
        if workflow.active:
            self._active[workflow.id] = workflow

    @property
    def active(self) -> tuple[Workflow, ...]:
        """The active version of each."""
        return tuple(self._active.values())

    def find(self, workflow_id: str, version: int | None = None) -> Workflow | None:
        """Return a version, or the active one; None when there is no such."""
        return self._active.get(workflow_id) if version is None else self._versions.get((workflow_id, version))


def shipped_workflows() -> Workflows:
    """Load the workflows that come with the package (contracts/workflows/)."""
    found = (entry for entry in contracts().joinpath("workflows").iterdir() if entry.name.endswith(".json"))
    return Workflows(parse_workflow(entry.read_bytes()) for entry in found)
