"""Locust: the only module of the load engine that imports it, but for the locustfiles."""

import os
import signal
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from wfconform.load.coordinating import Alone, Leading, Working, orphaned
from wfconform.load.job import Job, is_written, read_job

LOOK_EVERY_S = 0.5
LOOK_FOR_JOB_S = 0.02
LONGEST_QUIT_S = 3.0


def _hear_interrupts() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


os.register_at_fork(after_in_child=_hear_interrupts)  # Locust ends the workers that it has forked with SIGINT


class PlanUser(User):
    """Stands for the generator in Locust's counts: one in each process; the plan says what is done."""

    @task
    def stay(self) -> None:
        """Do nothing; the generator does."""
        gevent.sleep(3600)


@events.init.add_listener
def begin(environment: Environment, runner: Any, **_: Any) -> None:
    """Carry out the job that the environment names, in the role that Locust has."""
    _wait_for_job(os.getppid())
    job = read_job()
    environment.process_exit_code = 0
    parent = os.getppid()
    if isinstance(runner, WorkerRunner):
        Working(job, runner)
        gevent.spawn(_leave_when, parent, lambda: os._exit(1))
        return
    part = _leading(job, runner) if isinstance(runner, MasterRunner) else Alone(job)
    gevent.signal_handler(signal.SIGINT, part.interrupt)
    _hear_interrupts()  # held since the start: one may have come
    gevent.spawn(_leave_when, parent, part.interrupt)
    gevent.spawn(_carry_out, part, environment, runner)


def _wait_for_job(parent: int) -> None:
    while not is_written():
        if orphaned(parent):
            os._exit(1)
        gevent.sleep(LOOK_FOR_JOB_S)


def _leading(job: Job, runner: MasterRunner) -> Leading:
    options = runner.environment.parsed_options
    return Leading(job, runner, workers=options.expect_workers if options else job.expect_workers)


def _carry_out(part: Any, environment: Environment, runner: Any) -> None:
    try:
        part.run()
    except Exception:
        environment.process_exit_code = 4
        raise
    finally:
        gevent.spawn(_quit, environment, runner)


def _quit(environment: Environment, runner: Any) -> None:
    """End Locust; where it would wait for workers that were sent home before it had counted them, end the process."""
    runner.quit()
    gevent.sleep(LONGEST_QUIT_S)
    os._exit(environment.process_exit_code or 0)


def _leave_when(parent: int, leave: Any) -> None:
    while not orphaned(parent):
        gevent.sleep(LOOK_EVERY_S)
    leave()
