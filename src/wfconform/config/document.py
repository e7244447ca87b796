"""The target file: its tables as pydantic models, read from TOML."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from wfconform.config.complaints import config_error
from wfconform.config.values import (
    BaseUrl,
    EnvName,
    HeaderName,
    HeaderValue,
    JsonTable,
    Reason,
    RequirementId,
    Seconds,
    Template,
    Text,
    WorkflowId,
)
from wfconform.errors import ConfigError


class _Table(BaseModel):
    """A TOML table: unknown keys and wrong types are errors, and no error repeats a value."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class TargetTable(_Table):
    """`[target]`: where the deployment is and how it is reached; None: not said."""

    name: str | None = None
    base_url: BaseUrl | None = None
    api_key_env: EnvName | None = None
    auth: Literal["bearer", "none"] | None = None
    second_api_key_env: EnvName | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    second_headers: dict[HeaderName, HeaderValue] | None = None
    second_workflow: WorkflowId | None = None
    session_ttl_s: Seconds | None = None
    timeout_s: Seconds | None = None
    verify_tls: bool | None = None


def _version_numbers(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    wrong = [key for key in value if not str(key).isascii() or not str(key).isdecimal()]
    if wrong:
        raise ValueError(f"must have version numbers (0, 1, …) as keys, not {str(wrong[0])[:40]!r}")
    return {int(key): text for key, text in value.items()}


class VersionedTable(_Table):
    """`workflows.versioned`: the text that each version answers with."""

    id: WorkflowId
    versions: Annotated[dict[int, Text], BeforeValidator(_version_numbers), Field(min_length=1)]
    active: int | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.active is not None and self.active not in self.versions:
            raise ValueError(
                f"active is {self.active}, which is none of versions: {', '.join(map(str, self.versions))}"
            )
        for number, said in self.versions.items():
            if any(said in other for n, other in self.versions.items() if n != number):
                raise ValueError(
                    f"versions: the text of version {number} is part of another's: they cannot be told apart"
                )
        return self


class WorkflowsTable(_Table):
    """`[workflows]`: what the deployment has been given for the test."""

    conversation: WorkflowId | None = None
    conversation_end: Text | None = None
    echoes: bool = False
    completes: WorkflowId | None = None
    fails: WorkflowId | None = None
    loops: WorkflowId | None = None
    pauses: WorkflowId | None = None
    slow: WorkflowId | None = None
    versioned: VersionedTable | None = None


class InputTable(_Table):
    """`[input]`: how run_input is made."""

    start: JsonTable | None = None
    template: Template | None = None


class StorageTable(_Table):
    """`[storage]`: where the run records are."""

    mongo_url_env: EnvName
    database: Text
    collection: Text
    status_field: Text = "status"


class RestartTable(_Table):
    """`[restart]`: how the deployment is restarted."""

    command: Text
    ready_url: BaseUrl | None = None


class Document(_Table):
    """A whole target file."""

    target: TargetTable = Field(default_factory=TargetTable)
    workflows: WorkflowsTable = Field(default_factory=WorkflowsTable)
    input: InputTable = Field(default_factory=InputTable)
    storage: StorageTable | None = None
    restart: RestartTable | None = None
    expected_failures: dict[RequirementId, Reason] = Field(default_factory=dict)


def parse_document(content: Mapping[str, Any], *, source: str) -> Document:
    """Check a parsed target file; raises ConfigError that names the source and the key."""
    try:
        return Document.model_validate(dict(content))
    except ValidationError as error:
        raise config_error(error, Document, source=source) from None


def read_document(path: Path, *, overridden: Iterable[tuple[str, str]] = ()) -> Document:
    """Read and check a target file; raises ConfigError, with the line where the TOML is broken.

    overridden: (table, key) of values that flags or the environment replace; what the file says there is not looked at.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", hint="`wfconform init` writes a commented target file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: is not valid TOML: {error}",
            hint='strings are in quotes, tables in [brackets]: base_url = "https://…"',
        ) from None
    for table, key in overridden:
        if isinstance(content.get(table), dict):
            content[table].pop(key, None)
    return parse_document(content, source=str(path))
