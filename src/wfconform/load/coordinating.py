"""One run over several processes, on Locust's own messages: the master shares the plan out and gathers what comes.

Nothing here depends on Locust's statistics or its stop: a worker tells all that it counted in messages of its own, and
the master ends when each has told its last, or is lost. Secrets never travel: a worker has its own.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import gevent
import msgspec

from wfconform.errors import NotTestable, WfconformError
from wfconform.load.encoding import from_json, to_json
from wfconform.load.gathering import Gathering
from wfconform.load.generator import Generator, refuse_unplayable
from wfconform.load.job import Job
from wfconform.load.measured import Measured, Tick
from wfconform.load.plan import Plan
from wfconform.load.shared import Shared
from wfconform.load.tally import Delta
from wfconform.load.totals import Totals

PLAN, DELTA, LAST, FAILED, END = "wf_plan", "wf_delta", "wf_last", "wf_failed", "wf_end"
LOOK_EVERY_S = 0.2
SILENT_S = 10.0  # deltas come each second
WRITTEN_DOWN_EVERY_S = 5


@dataclass(slots=True)
class Output:
    """Where a job writes: ticks as they come, one result or one error."""

    job: Job

    def tick(self, tick: Tick) -> None:
        """Append a Tick."""
        with self.job.ticks_path.open("ab") as file:
            file.write(to_json(tick) + b"\n")

    def result(self, measured: Measured) -> None:
        """Write the result, whole or not at all."""
        _replace(self.job.result_path, to_json(measured))

    def gathering(self) -> Gathering:
        """Return what gathers a run, which is written down here as it goes on."""

        def write(tick: Tick) -> None:
            totals = gathering.totals
            totals.second = tick.second
            try:  # what is shown is written down before, so that no violation is ever taken back
                if tick.violations or tick.second % WRITTEN_DOWN_EVERY_S == 0:
                    self.totals(totals)
                self.tick(tick)
            except OSError as error:
                totals.note(f"figures could not be written down meanwhile: {error.strerror or error}")

        gathering = Gathering(write)
        return gathering

    def failed(self, error: Exception, gathering: Gathering) -> None:
        """Write why there is no result, and what was counted until then."""
        try:
            if gathering.series:
                self.totals(gathering.totals)
        finally:
            self.error(error)

    def totals(self, totals: Totals) -> None:
        """Write down what was counted so far: all that is left of a process that is killed."""
        _replace(self.job.totals_path, to_json(totals))

    def error(self, error: BaseException) -> None:
        """Write why there is none."""
        known = isinstance(error, WfconformError)
        said = {
            "kind": type(error).__name__ if known else "HarnessError",
            "message": str(error) if known else f"the load generator failed: {error!r}",
            "hint": getattr(error, "hint", "") if known else f"see {self.job.log_path}",
        }
        self.job.error_path.write_bytes(to_json(said))


def _replace(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def prepared(job: Job, plan: Plan, *, index: int) -> Shared:
    """Return what a process's sessions share; raises UsageError for what the target lacks."""
    refuse_unplayable(plan, job.target)
    shared = Shared(job.target, seed=plan.seed * 1000 + index)
    shared.evidence.load_reproducers()
    return shared


class Alone:
    """A run in this one process."""

    def __init__(self, job: Job) -> None:
        self._job, self._output = job, Output(job)
        self._gathering = self._output.gathering()
        self._generator: Generator | None = None
        self._interrupted = False

    def run(self) -> None:
        """Make the load and write the result, or why there is none."""
        name = "this process"
        try:
            self._gathering.join(name)
            shared = prepared(self._job, self._job.plan, index=0)
            take = self._gathering.take
            self._generator = Generator(shared, self._job.plan, lambda delta: take(name, delta))
            if self._interrupted:
                self._generator.interrupt()
            begun_ns = perf_counter_ns()
            self._generator.run()
            self._gathering.end(name)
            took_s = (perf_counter_ns() - begun_ns) / 1e9
            self._output.result(self._gathering.measured(duration_s=took_s, interrupted=self._generator.interrupted))
        except Exception as error:
            self._output.failed(error, self._gathering)
            raise

    def interrupt(self) -> None:
        """End early, as soon as there is something to end."""
        self._interrupted = True
        if self._generator is not None:
            self._generator.interrupt()


class Working:
    """A worker: waits for the plan, makes its share of the load, tells the master."""

    def __init__(self, job: Job, runner: Any) -> None:
        self._job, self._runner = job, runner
        self._generator: Generator | None = None
        self._interrupted = False
        runner.register_message(PLAN, self._begin, concurrent=True)
        runner.register_message(END, self._end)

    def _begin(self, msg: Any, **_: Any) -> None:
        told = msg.data
        plan = from_json(told["plan"], Plan)
        try:
            shared = prepared(self._job, plan, index=told["index"])
            self._generator = Generator(shared, plan, self._emit, index=told["index"], count=told["count"])
            if self._interrupted:
                self._generator.interrupt()
            self._generator.run()
        except Exception as error:
            known = isinstance(error, WfconformError)
            kind = type(error).__name__ if known else "HarnessError"
            self._runner.send_message(FAILED, {"kind": kind, "message": str(error), "hint": getattr(error, "hint", "")})
            raise
        self._runner.send_message(LAST, {})

    def _emit(self, delta: Delta) -> None:
        self._runner.send_message(DELTA, {"delta": msgspec.msgpack.encode(delta)})

    def _end(self, **_: Any) -> None:
        self._interrupted = True
        if self._generator is not None:
            self._generator.interrupt()

    def interrupt(self) -> None:
        """Do nothing: the master says when the end is."""


@dataclass(slots=True)
class Heard:
    """When a worker was last heard of."""

    name: str
    at_ns: int = field(default_factory=perf_counter_ns)


class Leading:
    """The master: shares the plan out, gathers, ends when each worker has told its last or is lost."""

    def __init__(self, job: Job, runner: Any, *, workers: int) -> None:
        self._job, self._runner, self._expected = job, runner, workers
        self._output = Output(job)
        self._gathering = self._output.gathering()
        self._heard: dict[str, Heard] = {}
        self._failure: dict[str, str] | None = None
        self._interrupted = False
        runner.register_message(DELTA, self._take)
        runner.register_message(LAST, self._last)
        runner.register_message(FAILED, self._failed)

    def run(self) -> None:
        """Lead the run and write the result, or why there is none."""
        try:
            refuse_unplayable(self._job.plan, self._job.target)
            self._wait_for_workers()
            begun_ns = perf_counter_ns()
            if not self._interrupted:
                self._share_out()
            while self._gathering.running and self._failure is None:
                gevent.sleep(LOOK_EVERY_S)
                self._look_for_lost()
            if self._failure is not None:
                self._output.job.error_path.write_bytes(to_json(self._failure))
                self._output.totals(self._gathering.totals)
                return
            took_s = (perf_counter_ns() - begun_ns) / 1e9
            self._output.result(self._gathering.measured(duration_s=took_s, interrupted=self._interrupted))
        except Exception as error:
            self._output.failed(error, self._gathering)
            raise

    def interrupt(self) -> None:
        """End early: each worker drains and stops what it has open."""
        self._interrupted = True
        self._runner.send_message(END)

    def _wait_for_workers(self) -> None:
        """Wait until all are there; raises NotTestable when that takes too long."""
        limit_s = self._job.workers_wait_s
        until_ns = perf_counter_ns() + int(limit_s * 1e9)
        while (there := len(self._there())) < self._expected and not self._interrupted:
            if perf_counter_ns() > until_ns:
                raise NotTestable(
                    f"only {there} of {self._expected} workers came within {limit_s:g} s",
                    hint="start them with `wfconform load --worker --master-host HOST`; see --expect-workers-max-wait",
                )
            gevent.sleep(LOOK_EVERY_S)

    def _there(self) -> list[str]:
        """The workers that came and are not known to be gone."""
        return sorted(client.id for client in self._runner.clients.all if client.state != "missing")

    def _share_out(self) -> None:
        ids = self._there()
        for id in ids:
            self._gathering.join(id)
            self._heard[id] = Heard(id)
        for index, id in enumerate(ids):
            told = {"plan": to_json(self._job.plan), "index": index, "count": len(ids)}
            self._runner.send_message(PLAN, told, id)

    def _take(self, msg: Any, **_: Any) -> None:
        if msg.node_id in self._heard:
            self._heard[msg.node_id].at_ns = perf_counter_ns()
            self._gathering.take(msg.node_id, msgspec.msgpack.decode(msg.data["delta"], type=Delta))

    def _last(self, msg: Any, **_: Any) -> None:
        self._gathering.end(msg.node_id)

    def _failed(self, msg: Any, **_: Any) -> None:
        self._failure = self._failure or dict(msg.data)

    def _look_for_lost(self) -> None:
        now_ns = perf_counter_ns()
        known = {client.id: client.state for client in self._runner.clients.all}
        for name in self._gathering.running:
            silent_s = (now_ns - self._heard[name].at_ns) / 1e9
            if known.get(name, "missing") == "missing" or silent_s > SILENT_S:
                self._gathering.lose(name)


def orphaned(parent: int) -> bool:
    """Tell whether the process that started this one is gone."""
    return os.getppid() != parent
