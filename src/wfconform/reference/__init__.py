"""The reference implementation of the execute endpoint: an application, a workflow engine and a store.

It shares no code with the checks, so that a self-test shows more than that the harness agrees with itself.
"""

from wfconform.reference.app import create_app
from wfconform.reference.deployment import (
    DEVELOPMENT_KEY,
    SECOND_DEVELOPMENT_KEY,
    Restartable,
    describe,
    embedded_app,
)
from wfconform.reference.serve import run, serving
from wfconform.reference.store import RunStore, embedded_store
from wfconform.reference.workers import run_workers
from wfconform.reference.workflows import shipped_workflows

__all__ = [
    "DEVELOPMENT_KEY",
    "SECOND_DEVELOPMENT_KEY",
    "Restartable",
    "RunStore",
    "create_app",
    "describe",
    "embedded_app",
    "embedded_store",
    "run",
    "run_workers",
    "serving",
    "shipped_workflows",
]
