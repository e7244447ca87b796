"""Every exception of the package; the tree says whose fault it is and which exit code it becomes.

WfconformError
├── UserError            exit 2: the call, the target file or the environment is wrong
│   ├── UsageError       an unknown requirement ID, level, role, option value
│   │   └── SloError     an SLO that cannot be read; it points at the character
│   └── ConfigError      the target file or a WFCONFORM_* variable
├── TargetError          exit 3: the target could not be tested
│   └── NotTestable      reachable, yet not what it was said to be (wrong key, wrong base URL, wrong workflow id)
└── HarnessError         exit 4: our own fault, never the target's
"""


class WfconformError(Exception):
    """Base of all; `hint` tells what to do next."""

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UserError(WfconformError):
    """The call or the configuration is wrong."""

    exit_code = 2


class UsageError(UserError):
    """An unknown requirement ID, level, role or option value."""


class SloError(UsageError):
    """An SLO that cannot be read; `at`: the index of the character that is wrong, the text's length at its end."""

    def __init__(self, message: str, *, at: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.at = at


class ConfigError(UserError):
    """The target file or an environment variable is wrong."""


class TargetError(WfconformError):
    """The target could not be tested."""

    exit_code = 3


class NotTestable(TargetError):
    """Something answers, but not the endpoint that was described."""


class HarnessError(WfconformError):
    """The harness itself failed."""
