"""HTTP exchanges and session values: the one place that knows the names of the wire's fields (§4, §7, §9).

`Request` and `Exchange` are what drivers move; `observe` hands exchanges to a ledger and adds what only the bytes show
(EXE-001, EXE-002, EXE-008, EXE-009, EXE-014, AUT-004, AUT-005, EVT-001, EVT-008, TRN-007).
"""

from wfconform.wire.body import full_form_body, minimal_body
from wfconform.wire.decode import answer_of, parse
from wfconform.wire.exchange import Connection, Credential, Exchange, Failure, Request
from wfconform.wire.marks import make_mark, token_of
from wfconform.wire.observe import observe, reply_to

__all__ = [
    "Connection",
    "Credential",
    "Exchange",
    "Failure",
    "Request",
    "answer_of",
    "full_form_body",
    "make_mark",
    "minimal_body",
    "observe",
    "parse",
    "reply_to",
    "token_of",
]
