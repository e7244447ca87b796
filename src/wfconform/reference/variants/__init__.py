"""Conforming variants of the reference: every choice that the contract leaves open, taken; none may be flagged."""

from wfconform.reference.variants import durability, events, http, refusals, runs
from wfconform.reference.variants.variant import Variant

VARIANTS: tuple[Variant, ...] = (
    *http.VARIANTS,
    *refusals.VARIANTS,
    *runs.VARIANTS,
    *events.VARIANTS,
    *durability.VARIANTS,
)

__all__ = ["VARIANTS", "Variant"]
