"""`wfconform provision --remove`: takes away what a target file names, if it is called as provision calls it.

The file is kept as long as it may name something that is still there: without it nobody would know the ids.
"""

import sys
from contextlib import ExitStack
from dataclasses import dataclass

from wfconform.commands.provision_deployment import (
    KEY_ENV,
    SECOND_KEY_ENV,
    Deployment,
    ProvisionCall,
    Unreachable,
    given_headers,
    key_in,
    reached,
    second_key,
)
from wfconform.commands.provision_fixtures import PREFIX, is_ours, named
from wfconform.config import Document, read_document
from wfconform.config.values import base_url, checked
from wfconform.errors import NotTestable, TargetError, UsageError
from wfconform.report.text import plain


@dataclass(frozen=True, slots=True)
class _Named:
    """A workflow that the file names. key: the file's word for it; name: what it must be called to be removed."""

    key: str
    id: str
    name: str
    deployment: Deployment


def remove(call: ProvisionCall) -> int:
    """Remove the workflows that the file names, and the file if it is ours and all are gone; return the exit code."""
    if not call.path.is_file():
        raise UsageError(f"{call.path}: no such file", hint="give the file that provision wrote (--write-config)")
    document = read_document(call.path)
    with ExitStack() as stack:
        fates = [_fate(one) for one in _all_named(call, document, stack)]
    if fates and set(fates) == {"not found"}:
        raise NotTestable(
            f"none of the workflows that {call.path} names is there; the file is kept",
            hint="are the key and the headers those of the tenant they were made for? If they are, delete the file",
        )
    if {"kept", "failed"}.isdisjoint(fates) and is_ours(call.path):
        call.path.unlink()
        sys.stdout.write(f"{call.path} removed\n")
    return TargetError.exit_code if "failed" in fates else 0


def _all_named(call: ProvisionCall, document: Document, stack: ExitStack) -> list[_Named]:
    """Return what the file names, each with its tenant's access; raises UsageError before anything is removed."""
    table, url, given = document.target, _url(call, document), given_headers(call)
    key = key_in(call.api_key_env or table.api_key_env or KEY_ENV)
    first = stack.enter_context(reached(url, key, {**table.headers, **given}))
    found = [_Named(role, id, PREFIX + role, first) for role, id in named(document).items()]
    if table.second_workflow is None:
        return found
    key = second_key(_second_key_env(call, document), key)
    headers = table.headers if table.second_headers is None else table.second_headers
    second = stack.enter_context(reached(url, key, {**headers, **given}))
    return [*found, _Named("second_workflow", table.second_workflow, f"{PREFIX}conversation", second)]


def _second_key_env(call: ProvisionCall, document: Document) -> str:
    return call.second_api_key_env or document.target.second_api_key_env or SECOND_KEY_ENV


def _url(call: ProvisionCall, document: Document) -> str:
    """Return the one base URL of call and file."""
    own = document.target.base_url
    if call.target is None:
        if own is None:
            raise UsageError(f"{call.path}: target.base_url is missing", hint="give TARGET, or write it there")
        return own
    given = checked("TARGET", base_url, call.target)
    if own is not None and own != given:
        raise UsageError(
            f"{call.path} is for {own}, not {given}",
            hint="leave TARGET out, or give the file that provision wrote for it (--write-config)",
        )
    return given


def _fate(one: _Named) -> str:
    """Remove a workflow if it is called as we call it; tell what became of it and return that."""
    try:
        name = one.deployment.name_of(one.id)
        if name == one.name:
            one.deployment.remove(one.id)
    except Unreachable:
        raise
    except TargetError as error:
        sys.stderr.write(f"{one.key:<14} {one.id} not removed: {error}\n")
        return "failed"
    if name is None:
        fate = said = "not found"
    elif name == one.name:
        fate = said = "removed"
    else:
        fate, said = "kept", f"kept: it is called {plain(name)!r}, which provision did not make"
    sys.stdout.write(f"{one.key:<14} {one.id} {said}\n")
    return fate
