"""The last pass over a run before anybody sees it: no text in it holds a secret, wherever it came from."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wfconform.outcomes import Evidence, RequirementResult, Run
from wfconform.redactor import Redactor

Scrub = Callable[[str], str]
SHORTEST_IN_SCRIPT = 8  # characters; a script whose words were starred for a short value would not run


def scrubbed(run: Run, secrets: tuple[str, ...]) -> Run:
    """Return the run without the secrets; reproducers carry variables in their place already."""
    redact = Redactor(secrets)
    long_ones = Redactor(secret for secret in secrets if len(secret) >= SHORTEST_IN_SCRIPT)

    def in_script(text: str) -> str:
        return "\n".join(map(long_ones, text.split("\n")))  # its comments are cut at the ends of lines

    return replace(
        run,
        target=_walked(run.target, redact),
        results=tuple(_result(result, redact, in_script) for result in run.results),
        problems=tuple(replace(one, message=redact(one.message), hint=redact(one.hint)) for one in run.problems),
        notes=tuple(map(redact, run.notes)),
    )


def _result(result: RequirementResult, redact: Scrub, in_script: Scrub) -> RequirementResult:
    evidence = tuple(_evidence(one, in_script) for one in result.evidence)
    return replace(result, message=redact(result.message), evidence=evidence)


def _evidence(evidence: Evidence, in_script: Scrub) -> Evidence:
    """Its texts were redacted when they were taken down; the script and its predicate were made from the originals."""
    return replace(
        evidence,
        reproducer=None if evidence.reproducer is None else in_script(evidence.reproducer),
        predicate=None if evidence.predicate is None else _walked(evidence.predicate, in_script, keys=in_script),
    )


def _walked(node: Any, redact: Scrub, *, keys: Scrub = str) -> Any:
    """Return a value with its texts redacted; keys: what becomes of the names in mappings, the target's own, too."""
    match node:
        case str():
            return redact(node)
        case Mapping():
            return {keys(key): _walked(value, redact, keys=keys) for key, value in node.items()}
        case list() | tuple():
            return [_walked(value, redact, keys=keys) for value in node]
        case _:
            return node
