"""What a database costs: turns per second over a real server against the embedded store, in one run.

Run it with `.venv/bin/python benchmarks/bench_store.py [DATABASE]`. The same application is called in-process, 8
sessions at a time, over the embedded store and over each database server that can be had (`make databases`; a mongod by
WFCONFORM_TEST_MONGO_URL); blocks interleaved, medians. With a mongod it exits 1 below 60 %; the other servers are
written in Python, so what they reach says what they cost, and has no limit. The processor's time of this process for a
turn says what the driver costs by itself: where that is more than the embedded store's, so much of the rate is out of
reach for any database.
"""

import asyncio
import json
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.bench_reference import body, call  # noqa: E402
from tests.durable.servers import NAMES, missing, running  # noqa: E402

from wfconform.reference import embedded_app  # noqa: E402
from wfconform.reference.definitions import Definitions  # noqa: E402
from wfconform.reference.mongo import MongoDatabase  # noqa: E402
from wfconform.reference.store import RunStore  # noqa: E402

BLOCKS, SESSIONS, TURNS = 7, 8, 12
MONGOD_LIMIT = 0.6


async def block(app: ASGIApp) -> tuple[float, float]:
    """Return turns per second of sessions that talk at once, a new run each, and this process's own ms per turn."""

    async def session() -> None:
        run_id = json.loads(await call(app, body()))["run_id"]
        for _ in range(TURNS - 1):
            await call(app, body(run_id, "hello"))

    began_s, own_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    took_s, own_s = time.perf_counter() - began_s, time.process_time() - own_s
    return SESSIONS * TURNS / took_s, own_s * 1000 / (SESSIONS * TURNS)


async def measure(urls: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Return the median rate of each store, and the median of this process's own ms per turn."""
    databases = {name: MongoDatabase(url, name="wfconform_bench") for name, url in urls.items()}
    apps: dict[str, Any] = {"embedded": embedded_app()}
    for name, database in databases.items():
        apps[name] = embedded_app(store=RunStore(database.runs), definitions=Definitions(database.workflows))
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in apps}
    for app in apps.values():
        await block(app)
    for _ in range(BLOCKS):
        for name, app in apps.items():
            blocks[name].append(await block(app))
    for database in databases.values():
        await database.close()
    return {
        name: (statistics.median(rate for rate, _ in found), statistics.median(own for _, own in found))
        for name, found in blocks.items()
    }


def main() -> int:
    wanted = sys.argv[1:] or NAMES
    with ExitStack() as stack:
        urls = {}
        for name in wanted:
            reason = missing(name)
            if reason:
                print(f"{name:<12} not measured: {reason}")
            else:
                urls[name] = stack.enter_context(running(name)).url
        found = asyncio.run(measure(urls))
    embedded, own_ms = found["embedded"]
    for name, (rate, own) in found.items():
        print(f"{name:<12} {rate:8,.0f} turns/s {rate / embedded:7.1%} of the embedded store, "
              f"{own:.2f} ms of this process for a turn: at most {own_ms / own:.0%}")  # fmt: skip
    return 1 if found.get("mongod", found["embedded"])[0] < MONGOD_LIMIT * embedded else 0


if __name__ == "__main__":
    sys.exit(main())
