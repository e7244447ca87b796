"""`wfconform serve`: the reference implementation on a port, and a target file that describes it."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from wfconform.commands.outputs import try_writing, write_whole
from wfconform.config import dumps
from wfconform.config.values import checked, key_value
from wfconform.errors import UsageError
from wfconform.reference.database import RUNS
from wfconform.reference.faults import FAULTS, UNSCRIPTED, Fault
from wfconform.reference.variants import VARIANTS, Variant

KEY_VARIABLE = "WFCONFORM_API_KEY"
SECOND_KEY_VARIABLE = "WFCONFORM_SECOND_API_KEY"
MONGO_VARIABLE = "WFCONFORM_MONGO_URL"
_MARK = "# Written by `wfconform serve`"
_FAULTS = (*FAULTS, *UNSCRIPTED)
_Named = TypeVar("_Named", Fault, Variant)


@dataclass(frozen=True, slots=True)
class ServeCall:
    """What the command line asks for; faults, variants: names of what is done to the reference.

    mongo_url: where runs are kept, None for memory; workers: how many processes serve.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    write_config: Path | None = None
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    mongo_url: str | None = field(default=None, repr=False)
    workers: int = 1


def list_servers(*, faults: bool, variants: bool) -> int:
    """Print a line for each fault or variant: its name, the requirements that it breaks (or warns of), its sentence."""
    rows = [(fault.name, fault.breaks, fault.sentence) for fault in _FAULTS if faults]
    rows += [(variant.name, variant.warns, variant.sentence) for variant in VARIANTS if variants]
    for name, ids, sentence in rows:
        sys.stdout.write(f"{name}\t{','.join(sorted(ids)) or '-'}\t{sentence}\n")
    return 0


def serve(call: ServeCall) -> int:
    """Serve the reference until interrupted, having said how to test it."""
    from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY

    faults = _named("--fault", call.faults, _FAULTS)
    variants = _named("--variant", call.variants, VARIANTS)
    changes: list[Fault | Variant] = [*variants, *faults]
    development = {KEY_VARIABLE: DEVELOPMENT_KEY, SECOND_KEY_VARIABLE: SECOND_DEVELOPMENT_KEY}
    keys = {name: _key_from_environment(name) or key for name, key in development.items()}
    if keys[KEY_VARIABLE] == keys[SECOND_KEY_VARIABLE]:
        raise UsageError(f"{KEY_VARIABLE} and {SECOND_KEY_VARIABLE} are the same", hint="each is a tenant of its own")
    printable = {name: key for name, key in development.items() if keys[name] == key}
    if call.write_config is not None:
        _refuse_foreign_file(call.write_config)
        try_writing(call.write_config, option="--write-config")

    def ready(base_url: str) -> None:
        sys.stdout.write(_announce(call, _described(base_url, variants, call), printable, changes))
        sys.stdout.flush()

    tenants = {keys[KEY_VARIABLE]: "first", keys[SECOND_KEY_VARIABLE]: "second"}
    try:
        _run(call, tenants, tuple(one.name for one in changes), ready)
    except KeyboardInterrupt:
        return 0
    return 0


def _run(call: ServeCall, tenants: Mapping[str, str], changes: tuple[str, ...], ready: Callable[[str], None]) -> None:
    """Serve from memory in this process, or from a database in processes that share it."""
    from wfconform import reference
    from wfconform.reference.recipe import Recipe

    recipe = Recipe(tenants, call.mongo_url, changes)
    if call.mongo_url is None:
        if call.workers > 1:
            raise UsageError("--workers: processes share no memory", hint="give them a database: --mongo-url URL")
        return reference.run(recipe.build(), host=call.host, port=call.port, on_ready=ready)
    _look_for_database(call.mongo_url)
    return reference.run_workers(recipe, host=call.host, port=call.port, workers=call.workers, on_ready=ready)


def _look_for_database(url: str) -> None:
    """Warn when the database does not answer: the server starts nevertheless, and answers 503 until it does.

    Raises UsageError when it answers that it does not take the user.
    """
    import asyncio

    from wfconform.reference.database import DatabaseError, Denied
    from wfconform.reference.mongo import MongoDatabase, without_password

    async def look() -> None:
        database = MongoDatabase(url)
        try:
            await database.collection(RUNS)
        finally:
            await database.close()

    where = without_password(url)
    try:
        asyncio.run(look())
    except Denied as error:
        raise UsageError(
            f"--mongo-url: {where} refuses the user ({error})",
            hint="check user, password and authSource in the URL; the user needs the role readWrite on that database",
        ) from None
    except DatabaseError:
        sys.stderr.write(f"warning: {where} does not answer; every call is answered 503 until it does\n")


def _named(option: str, names: Sequence[str], known: Sequence[_Named]) -> list[_Named]:
    by_name = {one.name: one for one in known}
    for name in names:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=3, cutoff=0.5)
            hint = (
                f"did you mean {' or '.join(near)}?" if near else f"`wfconform serve --list-{option[2:]}s` lists them"
            )
            raise UsageError(f"{option}: there is no {name!r}", hint=hint)
    return [by_name[name] for name in names]


def _described(base_url: str, variants: Sequence[Variant], call: ServeCall) -> dict[str, Any]:
    """Return the target file of the server, with what its variants change in it."""
    from wfconform.reference import describe

    document = describe(base_url + "".join(variant.prefix for variant in variants))
    document["target"] |= {"api_key_env": KEY_VARIABLE, "second_api_key_env": SECOND_KEY_VARIABLE}
    if call.mongo_url is not None:
        document |= _durable(base_url, call.mongo_url)
    for variant in variants:
        for table, values in variant.target.items():
            if table != "storage" or table in document:
                document.setdefault(table, {}).update(values)
    return document


def _durable(base_url: str, mongo_url: str) -> dict[str, Any]:
    """Return what a target file says of storage and restart; calls wait in the socket while processes restart."""
    from wfconform.reference.mongo import MongoDatabase

    name = MongoDatabase(mongo_url).name
    return {
        "storage": {"mongo_url_env": MONGO_VARIABLE, "database": name, "collection": RUNS, "status_field": "status"},
        "restart": {"command": f"kill -USR1 {os.getpid()} && sleep 1", "ready_url": f"{base_url}/healthz"},
    }


def _key_from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    return checked(f"environment variable {name}", key_value, value) if value else ""


def _refuse_foreign_file(path: Path) -> None:
    if path.is_file() and not path.read_bytes().startswith(_MARK.encode()):
        raise UsageError(
            f"--write-config: {path} exists, and `wfconform serve` did not write it",
            hint="choose another path, or remove the file",
        )


def _announce(
    call: ServeCall, document: Mapping[str, Any], printable: Mapping[str, str], changes: Sequence[Fault | Variant]
) -> str:
    """Write the target file if asked to, and return what the user should read and run."""
    base_url = document["target"]["base_url"]
    exports = [f"  export {name}={key}" for name, key in printable.items()]
    exports += [f"  # {name}: as in this server's environment" for name in _hidden(printable)]
    exports += [f"  # {MONGO_VARIABLE}: the database's URL, as given to this server"] if call.mongo_url else []
    if call.write_config is not None:
        text = f"{_MARK} for the reference at {base_url}; the keys are in the environment.\n\n{dumps(document)}"
        write_whole(call.write_config, text, option="--write-config")
        level = "durable" if call.mongo_url else "full"
        check = f"wfconform check --config {shlex.quote(str(call.write_config))} --level {level}"
    else:
        check = f"wfconform check {base_url} --workflow conversation={document['workflows']['conversation']}"
    lines = [
        f"reference endpoint: {base_url}/v1/workflows/<workflow id>/execute",
        *_whereabouts(call),
        *(f"{type(one).__name__.lower()} {one.name}: {one.sentence}" for one in changes),
        "workflows:",
        *(f"  {role:<12} {id}" for role, id in _workflow_ids(document["workflows"]).items()),
        "keys (development keys are public; export others before `serve` to use them):" if printable else "keys:",
        *exports,
        *([_exposed(call.host)] if printable and not _is_loopback(call.host) else []),
        f"{call.write_config} is written; test it from another shell, with the keys exported:"
        if call.write_config
        else "test it from another shell, with the keys exported:",
        f"  {check}",
        "Ctrl-C ends it",
    ]
    return "\n".join(lines) + "\n"


def _whereabouts(call: ServeCall) -> list[str]:
    """Say where the runs are, and how to restart."""
    if call.mongo_url is None:
        return []
    from wfconform.reference.mongo import without_password

    processes = "1 process" if call.workers == 1 else f"{call.workers} processes"
    return [f"runs: {without_password(call.mongo_url)}, {processes}; kill -USR1 {os.getpid()} restarts them"]


def _hidden(printable: Mapping[str, str]) -> list[str]:
    return [name for name in (KEY_VARIABLE, SECOND_KEY_VARIABLE) if name not in printable]


def _workflow_ids(workflows: Mapping[str, Any]) -> dict[str, str]:
    ids = {role: value["id"] if isinstance(value, Mapping) else value for role, value in workflows.items()}
    return {role: id for role, id in ids.items() if isinstance(id, str) and role != "conversation_end"}


def _exposed(host: str) -> str:
    return f"warning: {host} can be reached from other machines, and a development key is public"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
