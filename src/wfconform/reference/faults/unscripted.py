"""Faults that no scenario provokes: nobody thought of them beforehand, only generated requests find them.

`breaks` says what is certain to be reported, here; more may be, by what the drawn requests happen to be.
"""

from collections import Counter

from wfconform.reference.calls import Call, Handler, Layer, Reply
from wfconform.reference.faults.fault import Fault, fault
from wfconform.reference.faults.requests import crashes
from wfconform.reference.parts import calls, remembering


def _other_thread(call: Call) -> bool:
    threads = call.run_input.get("thread_to_node_inputs")
    return isinstance(threads, dict) and bool(threads.keys() - {"0"})


def _blank(call: Call) -> bool:
    return call.text is not None and not call.text.strip()


def _stop_with_a_text(call: Call) -> bool:
    return call.stops and call.text is not None


def _data_twice() -> Layer:
    """Count two turns in a row with the command data as one."""
    last: dict[str, str] = {}
    lost: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if not reply.answer or call.run_id is None:
            return reply
        lost[call.run_id] += call.goes_on and call.command == "data" == last.get(call.run_id)
        last[call.run_id] = call.command
        return reply.with_json(turn_number=reply.json["turn_number"] - lost[call.run_id])

    return layer


def _named_node() -> Layer:
    """Number the turns anew from the one whose input names a node."""
    before: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if not reply.answer or call.run_id is None:
            return reply
        if call.goes_on and b'"node_logical_id": "' in call.body:
            before[call.run_id] = reply.json["turn_number"] - 1
        return reply.with_json(turn_number=reply.json["turn_number"] - before[call.run_id])

    return layer


UNSCRIPTED: tuple[Fault, ...] = (
    fault(
        "second-thread-crashes", "Input for a thread beside the main one is a 500.", crashes(_other_thread), "EXE-008"
    ),
    fault("blank-text-crashes", "A text of nothing but blanks is a 500.", crashes(_blank), "EXE-008"),
    fault(
        "stop-with-a-text-is-a-turn",
        "A stop that brings a text is taken for a turn.",
        calls(lambda call: call.with_input(command="start"), _stop_with_a_text),
        "CAN-001",
    ),
    fault("data-twice-counts-once", "Two data turns in a row count as one.", remembering(_data_twice), "TRN-002"),
    fault("named-node-starts-anew", "A turn whose input names a node is turn 1.", remembering(_named_node), "TRN-002"),
)
