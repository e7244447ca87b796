"""Several processes on one database: sessions talk to all of them, and every answer goes through the ledger.

Run it with `.venv/bin/python benchmarks/workers.py [--turns 20000] [--workers 4]`; it exits 1 when an invariant was
broken. Each turn is sent over whatever process takes it; a part of the turns is sent two at a time on one run, and a
part of the runs is stopped while another call on them is under way.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.served import Reference, access, conversation, database  # noqa: E402

from wfconform.conformance.http import HttpDriver  # noqa: E402
from wfconform.conformance.play import random_digits  # noqa: E402
from wfconform.scenarios import Client, Send  # noqa: E402
from wfconform.session import Busy, Ledger  # noqa: E402
from wfconform.wire import Connection, Exchange, observe  # noqa: E402

SESSIONS = 16
PORT = 8198


class Talk:
    """All sessions of a run, and what they showed."""

    def __init__(self, driver: HttpDriver, *, turns: int, seed: int) -> None:
        self.driver, self.left = driver, turns
        self.chance = random.Random(seed)
        self.client = Client(conversation(), random_digits(f"workers:{seed}"))
        self.ledger = Ledger()
        self.held: Counter[str] = Counter()
        self.broken: list[str] = []
        self.answered = self.refused = self.stops = 0

    async def session(self) -> None:
        """Open runs and talk until enough turns are taken."""
        while self.left > 0:
            session = self.client.session()
            await self._send(session.start())
            for _ in range(self.chance.randint(4, 20)):
                if self.chance.random() < 0.1 and session.live:
                    busy = [self._fresh(session.say(intent=Busy(), expects=())) for _ in range(2)]
                    await self._send(*busy)
                elif session.live:
                    await self._send(session.say())
            if session.live and self.chance.random() < 0.5:
                late = self._fresh(session.say(intent=Busy(), expects=()))
                await self._send(self._fresh(session.stop(intent=Busy())), late)
            elif session.live:
                await self._send(session.stop())
            self.stops += 1

    def _fresh(self, send: Send) -> Send:
        return send.but(connection=Connection.FRESH)

    async def _send(self, *sends: Send) -> list[Exchange]:
        exchanges = await asyncio.gather(*(self.driver.send(send.request) for send in sends))
        for send, exchange in zip(sends, exchanges, strict=True):
            send.session.learn(exchange)
            self.answered += exchange.status == 200
            self.refused += exchange.status in (409, 429, 503)
            if exchange.status not in (200, 409, 429, 503):
                self.broken.append(f"status {exchange.status} {exchange.failure} {exchange.detail}")
        self.left -= len(sends)
        for _, finding in observe(self.ledger, *exchanges):
            if finding.broken is None:
                self.held[finding.id] += 1
            else:
                self.broken.append(f"{finding.id}: expected {finding.broken.expected}, got {finding.broken.actual}")
        return exchanges


async def talk(base_url: str, *, turns: int, seed: int) -> Talk:
    async with HttpDriver(access(base_url)) as driver:
        talking = Talk(driver, turns=turns, seed=seed)
        await asyncio.gather(*(talking.session() for _ in range(SESSIONS)))
    return talking


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="mongod, mongoeco or secantusdb")
    given = parser.parse_args()
    with database(given.database) as server:
        reference = Reference(server.url, port=PORT, workers=given.workers)
        reference.start()
        began_s = time.monotonic()
        try:
            done = asyncio.run(talk(reference.base_url, turns=given.turns, seed=given.seed))
        finally:
            reference.kill()
    took_s = time.monotonic() - began_s
    for line, count in Counter(done.broken).most_common(20):
        print(f"BROKEN {line} ({count} times)")
    print(f"{done.answered} calls answered, {done.refused} refused as busy or ended, in {took_s:.0f} s "
          f"({done.answered / took_s:.0f}/s) by {given.workers} processes; {len(done.held)} requirements held "
          f"{done.held.total()} times, {len(done.broken)} broken")  # fmt: skip
    return 1 if done.broken else 0


if __name__ == "__main__":
    sys.exit(main())
