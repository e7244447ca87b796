"""Locust: the only module that imports it."""


import gevent
from locust import User, task

from wfconform.load.encoding import to_json
from wfconform.load.job import read_job
from wfconform.load.measured import Health, Measured, Tick


class PlanUser(User):
    """Does what the plan says."""

    @task
    def carry_out(self) -> None:
        """Tick once a second until the plan is over."""
        job = read_job()
        seconds = int(job.plan.duration_s)
        with job.ticks_path.open("ab") as file:
            for second in range(seconds):
                gevent.sleep(1)
                file.write(to_json(Tick(second, "s", "steady", 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0)) + b"\n")
                file.flush()
        done = Measured(seconds, seconds, {}, 0, 0, 0, 0, {}, {}, {}, {}, {}, Health())
        job.result_path.write_bytes(to_json(done))
        self.environment.runner.quit()
