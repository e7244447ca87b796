"""The conformance suite: drivers that play scenarios against a target, and the verdicts.

`check` is the whole of it for a program: a URL or an ASGI application in, a Run out.
"""

from wfconform.conformance.api import check, check_async
from wfconform.conformance.options import CheckOptions, Progress
from wfconform.conformance.suite import run_check

__all__ = ["CheckOptions", "Progress", "check", "check_async", "run_check"]
