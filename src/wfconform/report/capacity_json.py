"""The JSON report of a capacity run: stable and versioned; contracts/capacity.schema.json is its schema."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from wfconform.outcomes.capacity import Capacity
from wfconform.report.capacity import CapacityReport, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Capacity):
    """What a capacity run found, and the same as one sentence."""

    sentence: str


class CapacityDocument(BaseModel):
    """A capacity report; `exit_code` is what the command ended with, `duration_s` how long its steps took."""

    model_config = ConfigDict(frozen=True, title="wfconform capacity report")

    schema_version: Literal["1"]
    tool: Mapping[str, str]
    target: Mapping[str, JsonValue]
    seed: int
    started_at: str
    duration_s: float
    exit_code: int
    notes: list[str]
    capacity: Answer


def render(report: CapacityReport) -> str:
    """Return the report as JSON."""
    content = {
        "schema_version": "1",
        **{name: getattr(report, name) for name in ("tool", "target", "seed", "started_at")},
        "duration_s": report.capacity.spent_s,
        "exit_code": report.capacity.exit_code,
        "notes": list(report.notes),
        "capacity": {**asdict(report.capacity), "sentence": sentence(report.capacity)},
    }
    return json.dumps(content, ensure_ascii=True, indent=2, allow_nan=False) + "\n"


def schema_text() -> str:
    """Return the report's JSON Schema as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CapacityDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
