"""What clients do: generators that yield what to send. Pure: no clock, no I/O, no randomness of their own.

`catalogue()` lists them all, each with what it needs and which requirements it can prove. A scenario is sent an
Exchange for each Send, a list of them for each Together, None for each Wait.
"""

from wfconform.scenarios.client import Client, Operation, Scenario, Send, Session, Together, Wait
from wfconform.scenarios.registry import ScenarioSpec, catalogue

__all__ = ["Client", "Operation", "Scenario", "ScenarioSpec", "Send", "Session", "Together", "Wait", "catalogue"]
