"""The rules of §8 and §9 as tables."""

STATUSES = frozenset(
    {
        "not_started",
        "started",
        "running",
        "failed",
        "completed",
        "paused",
        "waiting_for_user_input",
        "cancelled",
        "aborted_looping_risk",
    }
)
TERMINAL = frozenset({"completed", "failed", "cancelled", "aborted_looping_risk"})
RESTING = TERMINAL | {"waiting_for_user_input", "paused"}
WAITING = "waiting_for_user_input"
PAUSED = "paused"
CANCELLED = "cancelled"

# §9: the event that tells a turn's end, by the status after it. A cancelled turn may be cut off anywhere.
CLOSING_EVENTS = {
    WAITING: frozenset({"busy_wait_for_user_message", "pause_event"}),
    PAUSED: frozenset({"pause_event", "pause_thread", "busy_wait_for_user_message"}),
    "completed": frozenset({"end_workflow"}),
    "failed": frozenset({"workflow_error"}),
    "aborted_looping_risk": frozenset({"workflow_error", "end_workflow", "workflow_warning"}),
}

NEVER_AN_ERROR = frozenset({"completed", WAITING})  # STS-012
SHOULD_HAVE_NO_ERROR = frozenset({CANCELLED, PAUSED, "aborted_looping_risk"})  # STS-013

# Events that only a running node emits: a turn that shows one has run a node (EVT-010).
NODE_WORK = frozenset(
    {"say_static", "say_llm", "worker_llm", "llm", "assistant_response", "http_request", "condition_evaluator_llm"}
)
NODE_LEAVING_EDGES = frozenset({"direct_edge", "conditional_edge"})
MAIN_THREAD = (None, "0")

BUSY_REFUSALS = frozenset({409, 423, 429})
EXPIRED_REFUSALS = frozenset({404, 410})
