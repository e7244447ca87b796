"""The locustfile behind `wfconform load`: one user per process, which does what the job's plan says."""

from wfconform.load.users import PlanUser

__all__ = ["PlanUser"]
