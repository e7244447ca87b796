"""`wfconform serve`: the reference implementation on a port, and a target file that describes it."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from wfconform.commands.outputs import try_writing, write_whole
from wfconform.config import dumps
from wfconform.config.values import checked, key_value
from wfconform.errors import UsageError

KEY_VARIABLE = "WFCONFORM_API_KEY"
SECOND_KEY_VARIABLE = "WFCONFORM_SECOND_API_KEY"
_MARK = "# Written by `wfconform serve`"


@dataclass(frozen=True, slots=True)
class ServeCall:
    """What the command line asks for."""

    host: str = "127.0.0.1"
    port: int = 8080
    write_config: Path | None = None


def serve(call: ServeCall) -> int:
    """Serve the reference until interrupted, having said how to test it."""
    from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, embedded_app, run

    development = {KEY_VARIABLE: DEVELOPMENT_KEY, SECOND_KEY_VARIABLE: SECOND_DEVELOPMENT_KEY}
    keys = {name: _key_from_environment(name) or key for name, key in development.items()}
    if keys[KEY_VARIABLE] == keys[SECOND_KEY_VARIABLE]:
        raise UsageError(f"{KEY_VARIABLE} and {SECOND_KEY_VARIABLE} are the same", hint="each is a tenant of its own")
    printable = {name: key for name, key in development.items() if keys[name] == key}
    if call.write_config is not None:
        _refuse_foreign_file(call.write_config)
        try_writing(call.write_config, option="--write-config")

    def ready(base_url: str) -> None:
        sys.stdout.write(_announce(call, base_url, printable))
        sys.stdout.flush()

    app = embedded_app(api_key=keys[KEY_VARIABLE], second_api_key=keys[SECOND_KEY_VARIABLE])
    try:
        run(app, host=call.host, port=call.port, on_ready=ready)
    except KeyboardInterrupt:
        return 0
    return 0


def _key_from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    return checked(f"environment variable {name}", key_value, value) if value else ""


def _refuse_foreign_file(path: Path) -> None:
    if path.is_file() and not path.read_bytes().startswith(_MARK.encode()):
        raise UsageError(
            f"--write-config: {path} exists, and `wfconform serve` did not write it",
            hint="choose another path, or remove the file",
        )


def _announce(call: ServeCall, base_url: str, printable: Mapping[str, str]) -> str:
    """Write the target file if asked to, and return what the user should read and run."""
    from wfconform.reference import describe

    document = describe(base_url)
    document["target"] |= {"api_key_env": KEY_VARIABLE, "second_api_key_env": SECOND_KEY_VARIABLE}
    exports = [f"  export {name}={key}" for name, key in printable.items()]
    exports += [f"  # {name}: as in this server's environment" for name in _hidden(printable)]
    if call.write_config is not None:
        text = f"{_MARK} for the reference at {base_url}; the keys are in the environment.\n\n{dumps(document)}"
        write_whole(call.write_config, text, option="--write-config")
        check = f"wfconform check --config {shlex.quote(str(call.write_config))} --level full"
    else:
        check = f"wfconform check {base_url} --workflow conversation={document['workflows']['conversation']}"
    lines = [
        f"reference endpoint: {base_url}/v1/workflows/<workflow id>/execute",
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
