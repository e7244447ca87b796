"""Requests that schemathesis makes of the contract, as values: the only module that imports it.

What is drawn depends on the seed and on nothing else: not on the target's answers, nor on what other modules the
process has loaded (Hypothesis would take constants out of their source), nor on an example database.
"""

import json
import math
import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, configuration
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.strategies._internal import utils as strategy_cache
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.generation import GenerationMode
from schemathesis.generation.coverage import GenerationSession
from schemathesis.generation.hypothesis import canonical_form_cache, canonical_strategy_cache

from wfconform.conformance.generated.narrowed import PATH, examples, narrowed

CHUNK = 25  # cases drawn at a time: what a longer run draws begins with what a shorter one draws
_BACKEND = "wfconform"


class Mode(StrEnum):
    """Whether the contract allows a body."""

    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Case:
    """One request as drawn: the parts of it that the contract speaks of. body: JSON text, or bytes that are none."""

    workflow_id: str
    query: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "POST"
    media_type: str | None = None

    @property
    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        return json.loads(self.body)


class _NoConstants(HypothesisProvider):
    """Draws as Hypothesis does, but for constants found in the source of whatever is loaded."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS.setdefault(_BACKEND, _NoConstants)


class Enough(KeyboardInterrupt):
    """Raised inside Hypothesis to leave it at once: it hands on what looks like Ctrl-C."""


def drawn(mode: Mode, seed: int, chunk: int, *, over: Callable[[], bool]) -> tuple[Case, ...]:
    """Return the cases of one chunk, fewer when `over` says so meanwhile; takes about 20 ms a case."""
    key = (mode, seed, chunk)
    with _drawing:
        if key not in _drawn_before:
            made, whole = _draw(mode, f"{seed}:{mode}:{chunk}", over)
            if not whole:
                return made
            if len(_drawn_before) >= _CHUNKS_KEPT:
                _drawn_before.pop(next(iter(_drawn_before)), None)
            _drawn_before[key] = made
        return _drawn_before[key]


_drawing = Lock()  # neither Hypothesis nor schemathesis draws for two threads at once
_CHUNKS_KEPT = 8  # for a program that checks many applications with one seed
_drawn_before: dict[tuple[Mode, int, int], tuple[Case, ...]] = {}


def _draw(mode: Mode, seed: str, over: Callable[[], bool]) -> tuple[tuple[Case, ...], bool]:
    """Return the cases that a seed draws, and whether they are all."""
    made: list[Case] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=CHUNK,
        database=None,
        deadline=None,
        derandomize=False,
        backend=_BACKEND,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @hypothesis.given(case=_operation().as_strategy(generation_mode=_MODES[mode]))
    def take(case: Any) -> None:
        if over():
            raise Enough
        if (value := as_value(case)) is not None:
            made.append(value)

    with quietly():
        try:
            take()
        except Enough:
            return tuple(made), False
        finally:
            _forget_schemas()
    return tuple(made), True


def _forget_schemas() -> None:
    """Empty the caches of strategies: a mutated schema hardly comes twice, and hundreds of them take 40 MB."""
    for remembered in (canonical_form_cache, canonical_strategy_cache):
        remembered.clear()
    if clear := getattr(strategy_cache, "clear_strategy_cache", None):
        clear()


@cache
def boundaries(mode: Mode) -> tuple[Case, ...]:
    """Return the examples of the contract, and one case for each boundary of each field; always the same."""
    shown = [Case("", (), _encoded(body)) for body in examples()] if mode is Mode.VALID else []
    schema = _operation().schema
    with quietly():
        cases = schema.iter_coverage_cases(
            _operation(),
            generation_modes=[_MODES[mode]],
            generation_config=schema.config.generation,
            session=GenerationSession(),
        )
        made = [one for one in map(as_value, cases) if one is not None]
    return tuple(dict.fromkeys([*shown, *made]))


def chosen(mode: Mode, seed: int, count: int) -> tuple[Case, ...]:
    """Return so many of the boundary cases, all where there are no more, in an order that the seed repeats."""
    cases = list(boundaries(mode))
    random.Random(f"{seed}:{mode}").shuffle(cases)  # noqa: S311 - repeatable, not secret
    return tuple(cases[:count])


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Hypothesis from writing into the working directory, and from warning the user of our schema."""
    before = getattr(configuration, "__hypothesis_home_directory", None)
    configuration.set_hypothesis_home_dir(before or _storage())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        configuration.set_hypothesis_home_dir(before)


@cache
def _storage() -> Path:
    """Return where Hypothesis may keep its table of characters; it does without where nothing can be written."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wfconform" / "hypothesis"


@cache
def _operation() -> Any:
    with quietly():
        return schemathesis.openapi.from_dict(narrowed(), config=SchemathesisConfig())[PATH]["POST"]


_MODES = {Mode.VALID: GenerationMode.POSITIVE, Mode.INVALID: GenerationMode.NEGATIVE}


def as_value(case: Any) -> Case | None:
    """Return one of schemathesis's cases as a value, None where it cannot be sent as it is meant."""
    try:
        body = b"" if case.body is NOT_SET else case.body if isinstance(case.body, bytes) else _encoded(case.body)
    except (ValueError, TypeError):
        return None
    query = tuple((key, text) for key, value in (case.query or {}).items() if (text := _plain(value)) is not None)
    path = (case.path_parameters or {}).get("workflow_id")
    return Case(path if isinstance(path, str) else "", query, body, case.method, _media_type(case))


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> str | None:
    """Return a query value as it is written, None for what has no single spelling."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return value if value.isprintable() else None
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return str(value) if finite else None


def _media_type(case: Any) -> str | None:
    """Return the content type, None for JSON."""
    headers = {str(name).lower(): str(value) for name, value in (case.headers or {}).items()}
    named = headers.get("content-type") or case.media_type
    plain = named is None or (named.isascii() and named.isprintable() and named == named.strip())
    return named if named and plain and named != "application/json" else None
