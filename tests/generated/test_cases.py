"""What schemathesis draws: the same for the same seed, valid where it is said to be, and nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from tests.contracts.test_openapi import REGISTRY

from wfconform.conformance.generated import cases
from wfconform.conformance.generated.cases import CHUNK, Case, Mode, boundaries, chosen, drawn

_ELSEWHERE = """
import hashlib
from wfconform.conformance.generated.cases import Mode, drawn
print(hashlib.sha256(repr(drawn(Mode.INVALID, 7, 0, over=lambda: False)).encode()).hexdigest())
"""
_BODY = Draft202012Validator({"$ref": "urn:openapi#/components/schemas/ExecuteRequest"}, registry=REGISTRY)


def _drawn(mode: Mode, seed: int, chunk: int = 0) -> tuple[Case, ...]:
    cases._drawn_before.clear()
    return drawn(mode, seed, chunk, over=lambda: False)


def test_a_seed_draws_the_same_cases_again_and_another_seed_others() -> None:
    """Two draws in one process agree, though nothing of the first is kept."""
    assert _drawn(Mode.VALID, 1) == _drawn(Mode.VALID, 1) != _drawn(Mode.VALID, 2)


def test_another_process_draws_the_same_and_leaves_nothing_in_its_directory(tmp_path: Path) -> None:
    """Neither the modules that are loaded nor a directory of examples has a say."""
    command = [sys.executable, "-c", _ELSEWHERE]
    told = {subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout for _ in range(2)}
    assert len(told) == 1
    assert list(tmp_path.iterdir()) == []


def test_valid_cases_are_valid_under_the_contract_and_invalid_ones_mostly_are_not() -> None:
    """The narrowed schema allows nothing that contracts/openapi.yaml forbids."""
    valid = [one.json for one in (*boundaries(Mode.VALID), *_drawn(Mode.VALID, 1))]
    assert [body for body in valid if not _BODY.is_valid(body)] == []
    assert {len(chosen(mode, 1, 10)) for mode in Mode} == {10}
    invalid = [one for one in boundaries(Mode.INVALID) if not _is_valid(one)]
    assert len(invalid) > 200


def _is_valid(case: Case) -> bool:
    try:
        return bool(_BODY.is_valid(json.loads(case.body)))
    except ValueError:
        return False


def test_drawing_ends_when_it_is_told_to() -> None:
    """A draw that is out of time hands back what it has, and is not kept for a whole one."""
    cases._drawn_before.clear()
    asked: list[int] = []
    few = drawn(Mode.VALID, 1, 0, over=lambda: asked.append(0) or len(asked) > 5)  # type: ignore[func-returns-value]
    assert 0 < len(few) <= 5
    assert len(drawn(Mode.VALID, 1, 0, over=lambda: False)) > CHUNK // 2
