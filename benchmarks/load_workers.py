"""`wfconform load` against `wfconform serve --mongo-url … --workers 4`: how many turns, and was anything broken.

Run it with `.venv/bin/python benchmarks/load_workers.py [--minutes 4] [--workers 4] [--database NAME]`; it exits
as `wfconform load` does. Each answer closes its connection, so that the calls of a session go to whatever process
takes the next one. Runs that ended 2 s ago are removed meanwhile, as platforms reap stale sessions. A mongod takes
100,000 turns in four minutes, SecantusDB in twenty: its findAndModify walks through whatever is there (23 ms of its
processor's time at 1,500 documents, 3 ms at 20). Writes are not retried by the driver there: SecantusDB keeps what it
answered to 10,000 of them, and sorts that at each write more (two thirds of its processor's time after a minute).
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from pymongo import MongoClient
from pymongo.errors import PyMongoError

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.served import Reference, database  # noqa: E402

from wfconform.commands.serve import KEY_VARIABLE  # noqa: E402
from wfconform.config import dumps  # noqa: E402
from wfconform.reference import DEVELOPMENT_KEY, describe  # noqa: E402
from wfconform.reference.database import DATABASE, RUNS  # noqa: E402

PORT, SESSIONS = 8199, 10
ENDED = ("completed", "cancelled", "failed", "aborted_looping_risk")
KEPT_S, PAUSE_S = 2.0, 0.5
PROFILE = """
turns = [4, 12]
think = {{ distribution = "constant", mean_s = 0.0 }}
slo = ["violations == 0", "lost == 0"]
[mix]
complete = 10
cancel = 3
cancel-in-flight = 1
double-submit = 3
resume-after-end = 2
pinned-version = 2
[[stage]]
sessions = {sessions}
duration_s = {seconds}
"""


def reap(url: str, over: Event) -> None:
    """Remove runs that ended a while ago."""
    with MongoClient[dict[str, object]](url) as client:
        runs = client[DATABASE][RUNS]
        while not over.wait(PAUSE_S):
            try:
                runs.delete_many({"status": {"$in": ENDED}, "updated_at": {"$lt": time.time() - KEPT_S}})
            except PyMongoError as error:
                print(f"not reaped: {type(error).__name__}", flush=True)


def load(base_url: str, place: Path, *, seconds: int) -> int:
    """Run `wfconform load` to its end."""
    (place / "profile.toml").write_text(PROFILE.format(sessions=SESSIONS, seconds=seconds), encoding="utf-8")
    target = describe(base_url)
    target["target"] = {"name": "several processes", "base_url": base_url, "api_key_env": KEY_VARIABLE}
    (place / "target.toml").write_text(dumps(target), encoding="utf-8")
    given = ["load", "--config", str(place / "target.toml"), "--profile", str(place / "profile.toml")]
    command = [sys.executable, "-c", "from wfconform.cli import main; main()", *given]
    return subprocess.run(command, env={**os.environ, KEY_VARIABLE: DEVELOPMENT_KEY}, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--database", help="mongod, mongoeco or secantusdb")
    given = parser.parse_args()
    over = Event()
    with database(given.database) as server, TemporaryDirectory() as place:
        url = server.url + ("&retryWrites=false" if server.name == "secantusdb" else "")
        reference = Reference(url, port=PORT, workers=given.workers, variants=("connection-close",))
        reference.start()
        reaper = Thread(target=reap, args=(server.url, over))
        reaper.start()
        try:
            return load(reference.base_url, Path(place), seconds=round(given.minutes * 60))
        finally:
            over.set()
            reaper.join()
            reference.kill()


if __name__ == "__main__":
    sys.exit(main())
