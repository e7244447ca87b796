"""Runs reproducers before they are shown, in a directory of their own and for a bounded time."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wfconform.reproduce.script import KEY_NAME, SECOND_KEY_NAME, header_names
from wfconform.target import Access

NO_CURL = "not run: curl is not installed"
NO_SHELL = "not run: sh or python3 is not installed"
NO_TIME = "not run: no time was left"
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
RACE_RUNS = 5
_GRACE_S = 2.0
_TOLD = 120  # characters of a reason
_HANDED_ON = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def environment(access: Access) -> dict[str, str]:
    """Return the environment of a script: the keys and header values, and what curl needs of ours."""
    names = header_names(access)
    values = {
        KEY_NAME: access.api_key,
        SECOND_KEY_NAME: access.second_api_key,
        **{names[name.lower()]: value for name, value in (access.second_headers or {}).items()},
        **{names[name.lower()]: value for name, value in access.headers.items()},
    }
    proxies = (*_PROXIES, *(name.upper() for name in _PROXIES))
    ours = {name: os.environ[name] for name in (*_HANDED_ON, *proxies) if name in os.environ}
    return {**ours, "LC_ALL": "C", **{name: value.reveal() for name, value in values.items() if value is not None}}


async def rerun(script: str, env: Mapping[str, str], *, times: int = 1, timeout_s: float = 10.0) -> str:
    """Run a script, several times at once for a race, and return what came of it in words.

    "reproduced", "not reproduced", "reproduced in k of n", or "not run: …" with the reason.
    """
    lacking = why_not(env)
    if lacking:
        return lacking
    outcomes = await asyncio.gather(*(_run(script, env, timeout_s) for _ in range(times)))
    return in_words(outcomes)


def why_not(env: Mapping[str, str]) -> str:
    """Return why no script can be run here, "" when one can."""
    path = env.get("PATH")
    if shutil.which("curl", path=path) is None:
        return NO_CURL
    return "" if shutil.which("sh", path=path) and shutil.which("python3", path=path) else NO_SHELL


def in_words(outcomes: list[str]) -> str:
    """Return what several runs of a script showed together."""
    told = [one for one in outcomes if one in (REPRODUCED, NOT_REPRODUCED)]
    if len(outcomes) == 1 or not told:
        return outcomes[0]
    return f"{REPRODUCED} in {told.count(REPRODUCED)} of {len(told)}"


async def _run(script: str, env: Mapping[str, str], timeout_s: float) -> str:
    """Run a script once; whatever it has started is ended with it."""
    with tempfile.TemporaryDirectory(prefix="wfconform-") as folder:
        path = _written(script, folder)
        process = await asyncio.create_subprocess_exec(
            "sh",
            str(path),
            cwd=folder,
            env={**env, "TMPDIR": folder},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                said, errors = await process.communicate()
        except TimeoutError:
            return f"not run: not finished in {timeout_s:.0f} s"
        finally:
            await _end(process)
    return _outcome(process.returncode, (said + errors).decode("utf-8", "replace"))


def _written(script: str, folder: str) -> Path:
    path = Path(folder, "reproducer.sh")
    path.write_text(script, encoding="utf-8", newline="\n")
    return path


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a script and its children: first so that it stops the runs that it opened, then at once."""
    if process.returncode is not None:
        return
    for which in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, which)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.communicate(), _GRACE_S)  # its pipes are closed by reading them to the end


def _outcome(code: int | None, said: str) -> str:
    if code == 1:
        return REPRODUCED
    if code == 0:
        return NOT_REPRODUCED
    lines = [line for line in said.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("could not be replayed")), lines[-1] if lines else "")
    return f"not run: {reason.removeprefix('could not be replayed: ')[:_TOLD] or f'it ended with {code}'}"
