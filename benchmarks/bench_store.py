"""What a database costs: turns per second over a real server against the embedded store, in one run.

Run it with `.venv/bin/python benchmarks/bench_store.py [DATABASE …]`; databases are those that can be had (`make
databases`). Two measurements, blocks interleaved, medians:
- served: turns per second that `wfconform serve` answers to 50 sessions over HTTP, with the embedded store (one
  process, there cannot be more) and with each database (a worker for each core). With a mongod it exits 1 below 60 %;
  the other servers are written in Python, so what they reach says what they cost, and has no limit.
- called: the same application in this process, 8 sessions at a time. The processor's time of this process for a turn
  says what the driver costs by itself.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from starlette.types import ASGIApp

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.bench_reference import body, call  # noqa: E402
from benchmarks.served import Reference  # noqa: E402
from tests.durable.servers import NAMES, missing, running  # noqa: E402

from wfconform.reference import DEVELOPMENT_KEY, embedded_app  # noqa: E402
from wfconform.reference.database import DATABASE  # noqa: E402
from wfconform.reference.definitions import Definitions  # noqa: E402
from wfconform.reference.mongo import MongoDatabase  # noqa: E402
from wfconform.reference.recipe import RECALLED  # noqa: E402
from wfconform.reference.store import RunStore  # noqa: E402

BLOCKS, SESSIONS, TURNS = 7, 8, 12
ROUNDS, SERVED_S, PORT = 3, 6, 8196
CORES = os.cpu_count() or 1
GENERATOR = str(Path(__file__).with_name("load_process.py"))
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
        apps[name] = embedded_app(
            store=RunStore(database.runs, recalls=RECALLED), definitions=Definitions(database.workflows)
        )
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


def served(url: str | None) -> float:
    """Return the turns per second that the served reference answers."""
    reference = Reference(url, port=PORT, workers=1 if url is None else CORES)
    reference.start()
    try:
        command = [sys.executable, GENERATOR, reference.base_url, DEVELOPMENT_KEY, "turns", str(SERVED_S)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        reference.kill()
    told = dict(line.split("=") for line in done.stdout.splitlines() if "=" in line)
    return float(told["turns"]) / SERVED_S


def measure_served(urls: dict[str, str]) -> dict[str, float]:
    """Return the median rate of each store over HTTP."""
    asked: dict[str, str | None] = {"embedded": None, **urls}
    rates: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, url in asked.items():
            if url is not None:
                with MongoClient[dict[str, object]](url) as client:
                    client.drop_database(DATABASE)  # what an earlier round left there costs some servers time
            rates[name].append(served(url))
    return {name: statistics.median(found) for name, found in rates.items()}


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
        rates = measure_served(urls)
        found = asyncio.run(measure(urls))
    for name, rate in rates.items():
        workers = "1 process" if name == "embedded" else f"{CORES} workers"
        share = rate / rates["embedded"]
        print(f"served  {name:<12} {rate:8,.0f} turns/s {share:7.1%} of the embedded store, {workers}")
    embedded, own_ms = found["embedded"]
    for name, (rate, own) in found.items():
        print(f"called  {name:<12} {rate:8,.0f} turns/s {rate / embedded:7.1%} of the embedded store, "
              f"{own:.2f} ms of this process for a turn: at most {own_ms / own:.0%}")  # fmt: skip
    return 1 if rates.get("mongod", rates["embedded"]) < MONGOD_LIMIT * rates["embedded"] else 0


if __name__ == "__main__":
    sys.exit(main())
