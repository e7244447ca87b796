"""The fields of an answer that the quick way looks at, read and typed in one go."""

from typing import Any, Literal

import msgspec


class EventFields(msgspec.Struct, gc=False):
    """The fields of an event that invariants look at."""

    type: str
    logical_id: str | None = None
    timestamp: float | None = None
    thread: str | None = msgspec.field(default=None, name="thread_reference_id")
    node: str | None = msgspec.field(default=None, name="origin_node_logical_id")
    node_run: str | None = msgspec.field(default=None, name="origin_node_run_id")
    source_node: str | None = msgspec.field(default=None, name="source_node_logical_id")
    message: Any = None
    content: Any = None


class HintFields(msgspec.Struct, gc=False):
    """A hint as it must be, with what names it among the events."""

    type: Literal["busy_wait_for_user_message"]
    logical_id: str


class WaitingFields(msgspec.Struct, gc=False):
    """The fields of an answer that waits for input; anything else is refused while it is read."""

    run_id: str
    status: Literal["waiting_for_user_input"]
    turn_number: int
    events: list[EventFields]
    is_waiting_for_input: bool
    is_completed: bool
    next_input_hint: HintFields
    error: Literal[""] | None = None
    has_background_work: Any = None


class CompletedFields(msgspec.Struct, gc=False):
    """The fields of an answer that tells a run's end."""

    run_id: str
    status: Literal["completed"]
    turn_number: int
    events: list[EventFields]
    is_waiting_for_input: bool
    is_completed: bool
    next_input_hint: None = None
    error: Literal[""] | None = None
    has_background_work: Any = None


AnswerFields = WaitingFields | CompletedFields
decode_waiting = msgspec.json.Decoder(WaitingFields).decode
decode_completed = msgspec.json.Decoder(CompletedFields).decode
