"""Merges flags, environment and target file, in this order of precedence, into a `Target`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import SecretStr

from wfconform.config.document import Document, read_document
from wfconform.config.environment import Environment, misspelt, read_environment
from wfconform.config.values import (
    base_url,
    checked,
    env_name,
    header_name,
    header_value,
    key_value,
    seconds,
    workflow_id,
)
from wfconform.errors import ConfigError, UsageError
from wfconform.requirements import ROLES
from wfconform.target import (
    Access,
    Input,
    RestartAccess,
    Secret,
    StorageAccess,
    Target,
    Versioned,
    Workflows,
)

DEFAULT_FILE = "wfconform.toml"
FLAG_ROLES = tuple(role for role in ROLES if role != "versioned")

Auth = Literal["bearer", "none"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says about the target: `headers` as "name:value", `workflows` as "role=id"."""

    target: str | None = None
    config: Path | None = None
    timeout_s: float | None = None
    headers: tuple[str, ...] = ()
    api_key_env: str | None = None
    second_api_key_env: str | None = None
    workflows: tuple[str, ...] = ()
    insecure: bool = False

    @property
    def about_a_target(self) -> tuple[str, ...]:
        """The flags given that mean nothing without a target."""
        given = {
            "--header": self.headers,
            "--api-key-env": self.api_key_env,
            "--second-api-key-env": self.second_api_key_env,
            "--workflow": self.workflows,
            "--insecure": self.insecure,
        }
        return tuple(flag for flag, value in given.items() if value)

    def refuse_beside_embedded(self) -> None:
        """Raise UsageError where --embedded was given beside what describes another target, and name that."""
        config = () if self.config is None else (f"--config {self.config}",)
        target = () if self.target is None else (self.target,)
        for said in (*target, *config, *self.about_a_target):
            raise UsageError(f"--embedded and a target were both given: {said[:80]}", hint="leave one of them out")


@dataclass(frozen=True, slots=True)
class Configured:
    """A target, and what the user should know about how it was put together."""

    target: Target
    notes: tuple[str, ...] = ()


def resolve(overrides: Overrides) -> Configured | None:
    """Return the target that flags, environment and target file describe; None when none of them names one."""
    env = read_environment()
    path = _target_file(overrides.config or env.config)
    if path is None and overrides.target is None and env.base_url is None:
        if overrides.about_a_target:
            raise UsageError(
                f"{overrides.about_a_target[0]} describes a target, and none is given",
                hint="give its base URL: wfconform check https://… --workflow conversation=<id>",
            )
        return None
    document = read_document(path, overridden=overridden(overrides, env)) if path else Document()
    return configure(document, source=str(path or ""), environ=os.environ, env=env, overrides=overrides)


def overridden(flags: Overrides, env: Environment) -> tuple[tuple[str, str], ...]:
    """Return (table, key) of the target file's values that flags or the environment replace."""
    roles = {item.partition("=")[0].strip() for item in flags.workflows}
    replaced = {
        ("target", "name"): env.name,
        ("target", "base_url"): flags.target or env.base_url,
        ("target", "api_key_env"): flags.api_key_env,
        ("target", "second_api_key_env"): flags.second_api_key_env,
        ("target", "auth"): env.auth,
        ("target", "timeout_s"): flags.timeout_s or env.timeout_s,
        ("target", "session_ttl_s"): env.session_ttl_s,
        ("target", "verify_tls"): flags.insecure or env.verify_tls is not None,
        **{("workflows", role): role in roles or env.workflow(role) for role in FLAG_ROLES},
    }
    return tuple(place for place, value in replaced.items() if value)


def configure(
    document: Document,
    *,
    environ: Mapping[str, str],
    source: str = "",
    env: Environment | None = None,
    overrides: Overrides | None = None,
) -> Configured:
    """Merge a checked target file with environment and flags; `environ` is where the named keys are looked up."""
    sources = _Sources(
        document=document,
        source=source,
        environ=environ,
        env=env or Environment.model_construct(),
        flags=overrides or Overrides(),
    )
    if sources.flags.target is not None:
        checked("TARGET", base_url, sources.flags.target)
    workflows = _workflows(sources)  # before the keys: what to talk to is the first thing to know
    target = Target(
        access=_access(sources),
        workflows=workflows,
        name=_first(sources.env.name, document.target.name) or "",
        input=_input(document),
        second_workflow=document.target.second_workflow,
        session_ttl_s=_first(sources.env.session_ttl_s, document.target.session_ttl_s),
        expected_failures=dict(document.expected_failures),
        storage=_storage(sources),
        restart=_restart(document),
    )
    return Configured(target, _notes(sources, target))


@dataclass(frozen=True, slots=True)
class _Sources:
    """The three places where a value can come from, and the environment that holds the named keys."""

    document: Document
    source: str
    environ: Mapping[str, str]
    env: Environment
    flags: Overrides

    def where(self, key: str) -> str:
        """Name a key of the target file in an error."""
        return f"{self.source}: {key}" if self.source else key


def _first(*values: _T | None) -> _T | None:
    return next((value for value in values if value is not None), None)


def _target_file(named: Path | None) -> Path | None:
    if named is not None:
        return named
    default = Path(DEFAULT_FILE)
    return default if default.exists() else None


def _access(sources: _Sources) -> Access:
    table, env, flags = sources.document.target, sources.env, sources.flags
    url = _base_url(sources)
    auth: Auth = _first(env.auth, table.auth) or "bearer"
    extra = _flag_headers(flags.headers)
    headers = _merged(_secrets(table.headers), extra)
    _refuse_authorization(headers, auth)
    given_timeout = None if flags.timeout_s is None else checked("--timeout", seconds, flags.timeout_s)
    verify = False if flags.insecure else _first(env.verify_tls, table.verify_tls)
    first, second = (None, None) if auth == "none" else _keys(sources)
    return Access(
        base_url=url,
        api_key=first,
        second_api_key=second,
        auth=auth,
        headers=headers,
        second_headers=None if table.second_headers is None else _merged(extra, _secrets(table.second_headers)),
        timeout_s=_first(given_timeout, env.timeout_s, table.timeout_s) or 30.0,
        verify_tls=True if verify is None else verify,
    )


def _base_url(sources: _Sources) -> str:
    argument = sources.flags.target
    given = None if argument is None else checked("TARGET", base_url, argument)
    found = _first(given, sources.env.base_url, sources.document.target.base_url)
    if found is None:
        raise ConfigError(
            f"{sources.where('target.base_url')}: is missing",
            hint="write it there, export WFCONFORM_BASE_URL, or give it on the command line: wfconform check https://…",
        )
    return found


def _keys(sources: _Sources) -> tuple[Secret, Secret | None]:
    table, env, flags = sources.document.target, sources.env, sources.flags
    first = _key(sources, flags.api_key_env, env.api_key, table.api_key_env, key="api_key_env")
    second = _key(
        sources, flags.second_api_key_env, env.second_api_key, table.second_api_key_env, key="second_api_key_env"
    )
    if first is None:
        raise ConfigError(
            "no API key for the target",
            hint="export WFCONFORM_API_KEY=…, or name another variable with --api-key-env or target.api_key_env; "
            'a target that wants no key says so in its file: auth = "none"',
        )
    if first == second:
        raise ConfigError(
            "the second API key is the same as the first",
            hint="it must belong to another tenant; leave it out to have AUT-003 and AUT-006 not tested",
        )
    return first, second


def _key(sources: _Sources, flag: str | None, env: SecretStr | None, named: str | None, *, key: str) -> Secret | None:
    """Return a key: from the variable that the flag names, from WFCONFORM_*, from the variable that the file names."""
    if flag is not None:
        option = f"--{key.replace('_', '-')}"
        return _named_key(sources.environ, checked(option, env_name, flag), where=option)
    if env is not None:
        return Secret(env.get_secret_value())
    if named is None:
        return None
    return _named_key(sources.environ, named, where=sources.where(f"target.{key}"))


def _named_key(environ: Mapping[str, str], name: str, *, where: str) -> Secret:
    if environ.get(name):
        return Secret(checked(f"{where}: the variable's value", key_value, environ[name]))
    if name.upper() != name:  # it may be the secret itself, so it is not repeated
        raise ConfigError(
            f"{where}: no environment variable has this name",
            hint="it must name a variable (ACME_API_KEY, say), never be the key itself; export that variable",
        )
    raise ConfigError(f"{where}: the environment variable {name} is not set", hint=f"export {name}=<the key>")


def _secrets(headers: Mapping[str, str]) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in headers.items()}


def _flag_headers(given: tuple[str, ...]) -> dict[str, Secret]:
    headers = {}
    for item in given:
        name, colon, value = item.partition(":")
        if not colon:
            raise UsageError("--header: must be written as name:value", hint="for example -H teamid:t1")
        checked_name = checked("--header", header_name, name.strip())
        headers[checked_name] = Secret(checked(f"--header {checked_name}", header_value, value.strip()))
    return headers


def _merged(*layers: Mapping[str, Secret]) -> dict[str, Secret]:
    """Return all headers, a later layer over an earlier one; letter case does not tell names apart."""
    found = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    return dict(found.values())


def _refuse_authorization(headers: Mapping[str, Secret], auth: Auth) -> None:
    if auth != "none" and any(name.lower() == "authorization" for name in headers):
        raise ConfigError(
            "the header Authorization cannot be set: it is made from the API key",
            hint='export WFCONFORM_API_KEY, or set auth = "none" to send a header of your own (AUT-* not tested then)',
        )


def _workflows(sources: _Sources) -> Workflows:
    table, flags = sources.document.workflows, _flag_workflows(sources.flags.workflows)
    ids = {role: _first(flags.get(role), sources.env.workflow(role), getattr(table, role)) for role in FLAG_ROLES}
    conversation = ids.pop("conversation")
    if conversation is None:
        raise ConfigError(
            f"{sources.where('workflows.conversation')}: is missing: a target needs a workflow to talk to",
            hint="add --workflow conversation=<24 hex digits>, or write it in [workflows] of wfconform.toml "
            "(`wfconform init` writes a commented one)",
        )
    versioned = table.versioned
    return Workflows(
        conversation=conversation,
        conversation_end=table.conversation_end,
        echoes=table.echoes,
        versioned=Versioned(versioned.id, dict(versioned.versions), versioned.active) if versioned else None,
        **ids,
    )


def _flag_workflows(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for item in given:
        name, equals, value = item.partition("=")
        role = name.strip()
        if not equals or role not in FLAG_ROLES:
            wrong = f"unknown role {role[:40]!r}" if equals else "must be written as role=id"
            only_file = (
                " (versioned needs more than an id: it is set in the target file)" if role == "versioned" else ""
            )
            raise UsageError(f"--workflow: {wrong}{only_file}", hint=f"roles: {', '.join(FLAG_ROLES)}")
        found[role] = checked(f"--workflow {role}", workflow_id, value.strip())
    return found


def _input(document: Document) -> Input:
    given = {"start": document.input.start, "template": document.input.template}
    return Input(**{key: value for key, value in given.items() if value is not None})


def _storage(sources: _Sources) -> StorageAccess | None:
    """Return the access that the file describes; None, and a note, where its URL is not in the environment."""
    table = sources.document.storage
    url = sources.environ.get(table.mongo_url_env) if table else None
    if table is None or not url:
        return None
    return StorageAccess(Secret(url), table.database, table.collection, table.status_field)


def _restart(document: Document) -> RestartAccess | None:
    table = document.restart
    return None if table is None else RestartAccess(table.command, table.ready_url)


def _notes(sources: _Sources, target: Target) -> tuple[str, ...]:
    table, access = sources.document.target, target.access
    from_environment = sources.env.api_key is not None and sources.flags.api_key_env is None
    storage = sources.document.storage
    candidates = {
        f"[storage]: the environment variable {storage.mongo_url_env if storage else ''} is not set: the records are "
        "not looked at": storage is not None and target.storage is None,
        'auth = "none": no key is sent, AUT-* is not tested': access.auth == "none",
        "TLS certificates are not verified": not access.verify_tls,
        "the API key is that of WFCONFORM_API_KEY, not of the variable that api_key_env names": from_environment
        and table.api_key_env not in (None, "WFCONFORM_API_KEY"),
    }
    url_name = storage.mongo_url_env if storage else None
    named = (
        url_name,
        table.api_key_env,
        table.second_api_key_env,
        sources.flags.api_key_env,
        sources.flags.second_api_key_env,
    )
    return (
        *(note for note, holds in candidates.items() if holds),
        *misspelt(used=frozenset(name for name in named if name)),
    )
