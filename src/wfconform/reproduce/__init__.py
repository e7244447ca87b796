"""Reproducers: for a violation, a shell script that replays its session and says whether it shows again.

Making one is pure; `rerun` and `rerun_failures` run them.
"""

from wfconform.reproduce.failures import named, rerun_failures, write_scripts
from wfconform.reproduce.making import Reproducer, reproducer
from wfconform.reproduce.rerun import environment, rerun
from wfconform.reproduce.script import KEY_NAME, SECOND_KEY_NAME

__all__ = [
    "KEY_NAME",
    "SECOND_KEY_NAME",
    "Reproducer",
    "environment",
    "named",
    "reproducer",
    "rerun",
    "rerun_failures",
    "write_scripts",
]
