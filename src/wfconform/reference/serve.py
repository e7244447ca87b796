"""Serving an application: in a thread for the time of a `with` block, or in the foreground."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from wfconform.errors import HarnessError, UsageError

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.005
_BACKLOG = 2048
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where one who listens everywhere is found


@contextmanager
def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve on a free port (or on `port`) while the block runs, and yield the base URL."""
    with listen(host, port) as listener:
        server = uvicorn.Server(settings(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="wfconform-reference", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join(_STOP_TIMEOUT_S)


def run(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 8080, *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve in the foreground until interrupted; `on_ready` is told the base URL once connections are taken."""
    with listen(host, port) as listener:
        if on_ready is not None:
            on_ready(url_of(listener))
        uvicorn.Server(settings(app)).run(sockets=[listener])


def settings(app: ASGIApp) -> uvicorn.Config:
    """Return uvicorn's settings: idle connections outlive a think time, open requests do not hold up the end."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; asyncio switches Nagle's delay (40 ms a turn) off only where TCP is named."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another port") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL of what listens there."""
    host, port = listener.getsockname()[:2]
    host = _REACHABLE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    waited_s = 0.0
    while not server.started:
        thread.join(_POLL_S)
        waited_s += _POLL_S
        if not thread.is_alive() or waited_s > _START_TIMEOUT_S:
            raise HarnessError("the reference did not start")
