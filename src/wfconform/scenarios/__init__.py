"""What clients do: generators that yield what to send. Pure: no clock, no I/O, no randomness of their own.

`catalogue()` lists them all, each with what it needs and which requirements it can prove. A scenario is sent an
Exchange for each Send, a list of them for each Together, a Stored for each Probe, a number for each Census, None for
what else there is. Storage and restarts are for drivers that have them.
"""

from wfconform.scenarios.client import (
    Census,
    Client,
    Operation,
    Probe,
    Restart,
    Scenario,
    Send,
    Session,
    Shows,
    Stored,
    Together,
    Wait,
)
from wfconform.scenarios.registry import ScenarioSpec, catalogue

__all__ = [
    "Census",
    "Client",
    "Operation",
    "Probe",
    "Restart",
    "Scenario",
    "ScenarioSpec",
    "Send",
    "Session",
    "Shows",
    "Stored",
    "Together",
    "Wait",
    "catalogue",
]
