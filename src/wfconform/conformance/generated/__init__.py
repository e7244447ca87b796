"""Generated phases: requests that schemathesis makes of the contract, and random interleavings of sessions.

They are played by the suite's own player through its own driver into its own ledger, as scenarios that were written a
moment ago: so what they find carries the same IDs, evidence and reproducers as everything else.
"""

from wfconform.conformance.generated.phases import GeneratedPhases, Lent

__all__ = ["GeneratedPhases", "Lent"]
