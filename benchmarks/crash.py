"""Kill the server under load, again and again, and look whether every answered turn is there, and none twice.

Run it with `.venv/bin/python benchmarks/crash.py`; it exits 1 when something was lost or doubled. Sessions talk to
`wfconform serve --mongo-url … --workers 2`; at a random moment all of its processes are killed (SIGKILL), every fifth
time the database instead, where it was started here; with `--members 3`, the primary of three mongods, so that another
is elected. After each the server is started again, and each run that was
talked to is compared with what its client was told:
- every turn that was answered is in the record, with its number and its text;
- no number and no text is there twice, numbers are without a gap;
- a run whose stop was answered is cancelled, and takes no turn.
At the end every run that a crash interrupted is gone on with: what was claimed is free again.
"""

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.served import Reference, conversation, database  # noqa: E402
from tests.durable.replicas import Replicas, replicas  # noqa: E402
from tests.durable.servers import Server  # noqa: E402

from wfconform.reference import DEVELOPMENT_KEY  # noqa: E402

SESSIONS = 8
LONGEST = 7  # turns of one run
PORT = 8197


@dataclass
class Account:
    """What the client of one run was told. sent: texts whose outcome it does not know."""

    run_id: str
    answered: dict[int, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    cancelled: bool = False
    stopping: bool = False


@dataclass
class Tally:
    """All runs, and what was wrong with them."""

    accounts: list[Account] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    turns: int = 0
    stops: int = 0
    interrupted: int = 0


def body(run_id: str | None, text: str | None, command: str = "start") -> dict[str, Any]:
    inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
    return {
        "run_id": run_id,
        "run_input": {"command": command, "thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}},
    }


async def talk(client: httpx.AsyncClient, tally: Tally, chance: random.Random, over: asyncio.Event) -> None:
    """Open runs and take turns until the server is killed; nothing is sent again."""
    path = f"/v1/workflows/{conversation().conversation}/execute"
    while not over.is_set():
        opened = await client.post(path, json=body(None, None))
        if opened.status_code != 200:
            await asyncio.sleep(0.05)
            continue
        account = Account(opened.json()["run_id"], {1: ""})
        tally.accounts.append(account)
        tally.turns += 1
        for turn in range(2, chance.randint(2, LONGEST) + 1):
            text = f"{account.run_id}-{turn}-{chance.getrandbits(32):08x}"
            account.unknown.append(text)
            answer = await client.post(path, json=body(account.run_id, text))
            if answer.status_code == 503:
                account.unknown.remove(text)
                tally.wrong += [] if "retry-after" in answer.headers else [f"{account.run_id}: 503 without Retry-After"]
                await asyncio.sleep(0.05)
                continue
            if answer.status_code != 200:
                break  # unknown: the account stays as it is
            account.unknown.remove(text)
            account.answered[answer.json()["turn_number"]] = text
            tally.turns += 1
            if over.is_set():
                return
        if chance.random() < 0.6 and not account.unknown:
            account.stopping = True
            stopped = await client.post(path, json=body(account.run_id, None, "stop"))
            account.cancelled = stopped.status_code == 200
            tally.stops += account.cancelled


async def load(base_url: str, tally: Tally, chance: random.Random, over: asyncio.Event) -> None:
    """Talk in several sessions at once; a broken connection ends a session's part of this round."""

    async def one() -> None:
        headers = {"authorization": f"Bearer {DEVELOPMENT_KEY}"}
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=20.0) as client:
            try:
                await talk(client, tally, chance, over)
            except httpx.HTTPError:
                tally.interrupted += 1

    await asyncio.gather(*(one() for _ in range(SESSIONS)))


async def compare(client: httpx.AsyncClient, accounts: list[Account], tally: Tally) -> None:
    """Compare each run with what its client was told."""
    for account in accounts:
        response = await client.get(f"/v1/workflow-runs/{account.run_id}")
        if response.status_code != 200:
            tally.wrong.append(f"{account.run_id}: the run is gone ({response.status_code})")
            continue
        tally.wrong += [f"{account.run_id}: {said}" for said in _differences(account, response.json())]


def _differences(account: Account, run: dict[str, Any]) -> list[str]:
    numbers = [turn["number"] for turn in run["turns"]]
    texts = {turn["number"]: turn["input"]["text"] or "" for turn in run["turns"]}
    said = [text for text in texts.values() if text]
    found = []
    if numbers != list(range(1, run["turn_number"] + 1)):
        found.append(f"turns are numbered {numbers}, the run says {run['turn_number']}")
    if len(set(said)) < len(said):
        found.append("a text was executed twice")
    found += [
        f"turn {number} was answered and is not there"
        for number, text in account.answered.items()
        if texts.get(number) != text
    ]
    strangers = set(said) - set(account.answered.values()) - set(account.unknown)
    found += [f"{len(strangers)} turns that were refused are there"] if strangers else []
    if account.cancelled and run["status"] != "cancelled":
        found.append(f"it was cancelled, and is {run['status']}")
    if not account.stopping and run["status"] == "cancelled":
        found.append("nobody stopped it, and it is cancelled")
    return found


async def go_on(client: httpx.AsyncClient, tally: Tally) -> int:
    """Take a turn in every run that was interrupted, and one in those that were cancelled; return how many."""
    path = f"/v1/workflows/{conversation().conversation}/execute"
    interrupted = [one for one in tally.accounts if one.unknown and not one.stopping]
    cancelled = [one for one in tally.accounts if one.cancelled][-200:]

    async def one(account: Account) -> None:
        text = f"{account.run_id}-again"
        answer = await client.post(path, json=body(account.run_id, text))
        if account.cancelled:
            tally.wrong += [f"{account.run_id}: goes on after its stop"] if answer.status_code == 200 else []
        elif answer.status_code != 200:
            tally.wrong.append(f"{account.run_id}: cannot go on ({answer.status_code} {answer.text[:80]})")
        else:
            account.answered[answer.json()["turn_number"]] = text

    for start in range(0, len(interrupted) + len(cancelled), SESSIONS):
        await asyncio.gather(*(one(account) for account in [*interrupted, *cancelled][start : start + SESSIONS]))
    return len(interrupted)


async def crashes(server: Server | Replicas, *, kills: int, seed: int) -> Tally:
    """Kill, start again, compare; as often as asked for."""
    chance, tally = random.Random(seed), Tally()
    reference = Reference(server.url, port=PORT, workers=2)
    reference.start()
    headers = {"authorization": f"Bearer {DEVELOPMENT_KEY}"}
    try:
        async with httpx.AsyncClient(base_url=reference.base_url, headers=headers, timeout=60.0) as client:
            for kill in range(1, kills + 1):
                before, over = len(tally.accounts), asyncio.Event()
                talking = asyncio.create_task(load(reference.base_url, tally, chance, over))
                await asyncio.sleep(chance.uniform(0.3, 2.0))
                of_database = kill % 5 == 0 and server.may_be_killed
                victim: Any = server if of_database else reference
                victim.kill()
                if of_database:
                    await asyncio.sleep(chance.uniform(0.0, 1.0))
                over.set()
                victim.start()
                await talking
                await compare(client, tally.accounts[before:], tally)
                what = "database" if of_database else "server"
                print(f"{kill:3} {what:<9} {len(tally.accounts)} runs, {tally.turns} turns answered, "
                      f"{len(tally.wrong)} wrong", flush=True)  # fmt: skip
            resumed = await go_on(client, tally)
            await compare(client, tally.accounts, tally)
            print(f"{resumed} interrupted runs went on")
    finally:
        reference.kill()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="mongod, mongoeco or secantusdb")
    parser.add_argument("--members", type=int, default=1, help="mongods in a replica set; the primary is killed")
    given = parser.parse_args()
    began_s = time.monotonic()
    several = given.members > 1
    with replicas(given.members) if several else database(given.database, synchronous=True) as server:
        tally = asyncio.run(crashes(server, kills=given.kills, seed=given.seed))
    for line in tally.wrong[:20]:
        print(f"WRONG {line}")
    print(
        f"{given.kills} kills in {time.monotonic() - began_s:.0f} s: {len(tally.accounts)} runs, {tally.turns} turns "
        f"and {tally.stops} stops answered, {len(tally.wrong)} wrong"
    )
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
