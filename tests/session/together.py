"""What a correct server may answer to several requests on one run at once."""

from tests.session.model import AFTER_END_CODES, BUSY_CODES, Model, Said
from tests.session.shapes import WAITING, Run

from wfconform.session import Ask, Busy, Indeterminate, Kind, NotProcessed, Refusal, Reply

STEP_S = 0.3


def _busy(code: int) -> Reply:
    return NotProcessed(code) if code == 429 else Refusal(code)


class TogetherModel(Model):
    """Adds races to the model."""

    def race(self) -> None:
        """Send several turns on one run at once: carried out one after the other, or refused while one runs."""
        run = self.live()
        if run is None:
            return
        count = self.chance.randrange(2, 5)
        asks = [self.ask(Kind.TURN, run, Busy(), took_s=STEP_S * (index + 1)) for index in range(count)]
        self.settle(run)
        group = [self._in_race(run, ask, first=index == 0) for index, ask in enumerate(asks)]
        self.chance.shuffle(group)
        self.commit(*group)
        if any(isinstance(said.reply, Indeterminate) for said in group):
            self.told[run.id].clouds.add("indeterminate turn")

    def _in_race(self, run: Run, ask: Ask, *, first: bool) -> Said:
        if run.gone or run.ended:
            return self.refuse_ended(ask, run, "snapshot")
        if self.expires(run, ask):
            return self.expired(run, ask)
        if not first and not self.style.serialises and self.chance.random() < 0.8:
            return self.say(ask, "busy", reply=_busy(self.chance.choice(BUSY_CODES)))
        body = self.execute(run, ask, quiet=True)
        if self.chance.random() < 0.04:
            return self.say(ask, "fault", reply=Indeterminate(None, "timeout"))
        return self.say(ask, "raced", body=body)

    def two_stops(self) -> None:
        """Send two stops at once."""
        run = self.live()
        if run is None:
            return
        asks = [self.ask(Kind.STOP, run, Busy(), took_s=STEP_S * (index + 1)) for index in range(2)]
        self.settle(run)
        self.commit(*(self.stopped(run, ask) for ask in asks))

    def stop_in_flight(self) -> None:
        """Send a stop while a turn runs, with each outcome that is allowed."""
        run = self.live()
        if run is None:
            return
        turn = self.ask(Kind.TURN, run, Busy(), took_s=2.0)
        stop = self.ask(Kind.STOP, run, Busy(), after_s=0.4, took_s=2.0)
        self.settle(run)
        if run.gone or run.ended:
            self.commit(self.refuse_ended(turn, run, "snapshot"), self.stopped(run, stop))
        elif self.expires(run, turn):
            self.commit(self.expired(run, turn), self.stopped(run, stop))
        else:
            outcome = self.chance.choice(("cut", "finished", "ended", "refused", "turn_refused", "turn_late"))
            self.commit(*getattr(self, f"_{outcome}")(run, turn, stop))

    def _cut(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        body = self.execute(run, turn, "cancelled")
        run.number += self.style.stop_takes_a_turn
        return self.say(turn, "cut", body=body), self.say(stop, "stopped_in_flight", body=self.snapshot(run))

    def _finished(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        body = self.execute(run, turn, self.chance.choice((WAITING, "paused")), quiet=True)
        run.status, run.number = "cancelled", run.number + self.style.stop_takes_a_turn
        return self.say(turn, "beside_stop", body=body), self.say(stop, "stopped_in_flight", body=self.snapshot(run))

    def _ended(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        body = self.execute(run, turn, self.chance.choice(("completed", "failed")))
        return self.say(turn, "beside_stop", body=body), self.refuse_ended(stop, run, "stopped_after_end")

    def _refused(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        body = self.execute(run, turn, quiet=True)
        refused = self.say(stop, "busy", reply=_busy(self.chance.choice(BUSY_CODES)))
        return self.say(turn, "beside_stop", body=body), refused

    def _turn_refused(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        run.status, run.number = "cancelled", run.number + self.style.stop_takes_a_turn
        told = self.say(turn, "cut_refused", reply=Refusal(self.chance.choice(AFTER_END_CODES)))
        return told, self.say(stop, "stopped_in_flight", body=self.snapshot(run))

    def _turn_late(self, run: Run, turn: Ask, stop: Ask) -> tuple[Said, Said]:
        run.status, run.number = "cancelled", run.number + self.style.stop_takes_a_turn
        stopped = self.say(stop, "stopped_in_flight", body=self.snapshot(run))
        return self.say(turn, "cut", body=self.snapshot(run)), stopped
