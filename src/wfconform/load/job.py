"""The job of a load run: what the parent hands to the process that makes the load, and where that one writes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from wfconform.errors import HarnessError, UsageError
from wfconform.load.encoding import from_builtins, public_target, target_of, to_json
from wfconform.load.plan import Plan
from wfconform.target import Target

JOB_VARIABLE = "WFCONFORM_LOAD_JOB"
WORKERS_WAIT_S = 600.0
Role = Literal["alone", "master", "worker"]


@dataclass(frozen=True, slots=True)
class Job:
    """One load run of one machine.

    directory: where ticks, the result and the log are written; processes: how many make the load here (of the role
    `alone`); role master: waits for `expect_workers` other machines, which reach it at master_host:master_port; role
    worker: is one of them (`processes` of them, as many), does what the master's plan says, and needs the same target
    with secrets of its own. bind_host: where a master listens; other machines reach it only if that is no loopback
    address. master_port 0: a free one. workers_wait_s: how long a master waits for its workers to come.
    """

    target: Target
    plan: Plan
    directory: Path
    processes: int = 1
    role: Role = "alone"
    master_host: str = "127.0.0.1"
    master_port: int = 0
    bind_host: str = "127.0.0.1"
    expect_workers: int = 1
    workers_wait_s: float = WORKERS_WAIT_S

    @property
    def path(self) -> Path:
        """The job file itself."""
        return self.directory / "job.json"

    @property
    def ticks_path(self) -> Path:
        """One Tick a line, while the run goes on."""
        return self.directory / "ticks.jsonl"

    @property
    def result_path(self) -> Path:
        """The Measured, once there is one."""
        return self.directory / "measured.json"

    @property
    def totals_path(self) -> Path:
        """What was counted so far, every few seconds."""
        return self.directory / "totals.json"

    @property
    def error_path(self) -> Path:
        """Why there is no Measured: kind, message, hint."""
        return self.directory / "error.json"

    @property
    def log_path(self) -> Path:
        """What Locust and Python print."""
        return self.directory / "locust.log"


def write_job(job: Job) -> None:
    """Write the job file, whole or not at all, readable by its owner alone.

    Raises UsageError when the directory cannot be written.
    """
    fields: dict[str, Any] = {
        "target": public_target(job.target),
        "plan": msgspec.to_builtins(job.plan),
        **{name: getattr(job, name) for name in _PLAIN},
    }
    try:
        job.directory.mkdir(parents=True, exist_ok=True)
        part = job.path.with_suffix(".part")
        part.write_bytes(to_json(fields))
        part.chmod(0o600)
        part.replace(job.path)
    except OSError as error:
        raise UsageError(f"cannot write the job of the load run: {error}", hint="choose another directory") from error


_PLAIN = ("processes", "role", "master_host", "master_port", "bind_host", "expect_workers", "workers_wait_s")


def is_written(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the job that the environment names is there; a process that is kept ready waits for it."""
    path = Path(environment.get(JOB_VARIABLE, ""))
    return path.exists() or not path.parent.is_dir()


def read_job(environment: Mapping[str, str] = os.environ) -> Job:
    """Read the job that the environment names; raises HarnessError when there is none."""
    path = Path(environment.get(JOB_VARIABLE, ""))
    try:
        fields = msgspec.json.decode(path.read_bytes())
        plan = from_builtins(fields["plan"], Plan)
        target = target_of(fields["target"], environment)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise HarnessError(f"{JOB_VARIABLE} names no job of a load run: {error}") from error
    job = Job(target=target, plan=plan, directory=path.parent)
    return replace(job, **{name: fields[name] for name in _PLAIN})
