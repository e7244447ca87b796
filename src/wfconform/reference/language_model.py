"""The stand-in for a language model: deterministic, by script."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the model: the rendered prompt, the user's text, and the answer that the script fixes."""

    prompt: str
    text: str
    answer: str | None


Model = Callable[[Ask], str]


def scripted(ask: Ask) -> str:
    """Answer what the script says, else repeat the user's text whole."""
    return ask.text if ask.answer is None else ask.answer


def usage(prompt: str, answer: str) -> dict[str, object]:
    """Return an llm_usage_info (§9) with tokens estimated at four characters each."""
    asked, answered = -(-len(prompt) // 4), -(-len(answer) // 4)
    return {
        "response_model": "scripted",
        "provider": "reference",
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "response_latency_milliseconds": 0,
        "finish_reason": "stop",
        "was_estimated": True,
    }


_PAIR = re.compile(r"(\w{1,64})=([^\s,;]{1,256})")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")


def extract(text: str, types: Mapping[str, str]) -> dict[str, Any]:
    """Return what `name=value` pairs of a text say about the wanted names; a value of another type is left out."""
    found = {name: _READERS.get(types[name], str)(value) for name, value in _PAIR.findall(text) if name in types}
    return {name: value for name, value in found.items() if value is not None}


def _integer(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) and "." not in text else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": {"true": True, "false": False}.get,
}
