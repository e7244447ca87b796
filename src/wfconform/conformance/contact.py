"""First contact alone: whether a target can be called at all, before anything else is done to it."""

import asyncio

from wfconform.conformance.admission import Admission
from wfconform.conformance.http import HttpDriver, tls_context
from wfconform.conformance.play import Played, Player, random_digits
from wfconform.conformance.preflight import preflight
from wfconform.outcomes import Problem
from wfconform.scenarios import Client, Send
from wfconform.session import Ledger
from wfconform.target import Target
from wfconform.wire import Exchange

_NAME = "first contact"


def client_of(target: Target, *, seed: int, scenario: str) -> Client:
    """Return the client that a scenario of a run is given: the same seed makes the same texts."""
    headers = {name.lower(): value for name, value in target.access.headers.items()}
    team, user = headers.get("teamid"), headers.get("uuid")
    return Client(
        workflows=target.workflows,
        hexes=random_digits(f"{seed}:{scenario}"),
        input=target.input,
        second_workflow=target.second_workflow,
        team_id=team.reveal() if team else None,
        user_id=user.reveal() if user else None,
    )


async def first_contact(target: Target, *, seed: int = 1) -> Problem | None:
    """Open a session and stop it; return why the target cannot be used, None when all is well."""
    log = Played(_NAME)
    player = Player(
        ledger=Ledger(),
        client_for=lambda scenario: client_of(target, seed=seed, scenario=scenario),
        admission=Admission(1),
        on_finding=lambda _played, _exchange, _finding: None,
        ended=asyncio.Event(),
    )
    async with HttpDriver(target.access, tls=tls_context(target.access)) as driver:

        async def deliver(send: Send) -> Exchange:
            exchange = await player.deliver(driver, log, send)
            send.session.learn(exchange)
            return exchange

        return await preflight(target, player.client_for(_NAME), deliver)
