"""The WFCONFORM_* environment variables; an empty one counts as not set."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wfconform.config.complaints import reason_of
from wfconform.config.values import BaseUrl, KeyValue, Seconds, WorkflowId
from wfconform.errors import ConfigError

PREFIX = "WFCONFORM_"
_READ_ELSEWHERE = ("debug", "level", "seed", "concurrency", "signing_key", "mongo_url")


class Environment(BaseSettings):
    """What the environment says about the target; None: nothing. Each field's variable is WFCONFORM_ and its name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    config: Path | None = None
    name: str | None = None
    base_url: BaseUrl | None = None
    api_key: KeyValue | None = None
    second_api_key: KeyValue | None = None
    auth: Literal["bearer", "none"] | None = None
    timeout_s: Seconds | None = None
    session_ttl_s: Seconds | None = None
    verify_tls: bool | None = None
    workflow_conversation: WorkflowId | None = None
    workflow_completes: WorkflowId | None = None
    workflow_fails: WorkflowId | None = None
    workflow_loops: WorkflowId | None = None
    workflow_pauses: WorkflowId | None = None
    workflow_slow: WorkflowId | None = None

    def workflow(self, role: str) -> str | None:
        """Return the workflow id that the environment gives to a role."""
        value: str | None = getattr(self, f"workflow_{role}", None)
        return value


def read_environment() -> Environment:
    """Read the variables; raises ConfigError that names the wrong one, never its value."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        lines = [f"environment variable {PREFIX}{str(item['loc'][0]).upper()}: {reason_of(item)}" for item in wrong]
        raise ConfigError("\n".join(lines), hint="change it, or `unset` it") from None


def misspelt(*, used: frozenset[str]) -> tuple[str, ...]:
    """Return a note for each variable that looks like a misspelt WFCONFORM_* one; `used`: names the user chose."""
    known = [PREFIX + name.upper() for name in (*Environment.model_fields, *_READ_ELSEWHERE)]
    strangers = [name for name in os.environ if name.startswith(PREFIX) and name not in known and name not in used]
    return tuple(
        f"environment variable {name} is not read; did you mean {near[0]}?"
        for name in sorted(strangers)
        if (near := get_close_matches(name, known, n=1, cutoff=0.85))
    )
