"""Load-testing and contract-conformance harness for the workflow execute endpoint.

The public names are loaded on first use, so that a process which needs only the pure session core (a load worker,
say) never imports an HTTP client or an event loop.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfconform.conformance import check, check_async
    from wfconform.errors import WfconformError
    from wfconform.outcomes import Run, Verdict

__all__ = ["Run", "Verdict", "WfconformError", "__version__", "check", "check_async"]
__version__ = "0.1.0"

_HOMES = {
    "Run": "wfconform.outcomes",
    "Verdict": "wfconform.outcomes",
    "WfconformError": "wfconform.errors",
    "check": "wfconform.conformance",
    "check_async": "wfconform.conformance",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'wfconform' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
