"""Records to put into a store."""

from bson import ObjectId

from wfconform.reference.records import Record, TurnPair
from wfconform.reference.status import Status


def a_record() -> Record:
    return Record(
        id=ObjectId(),
        workflow_id="5eb7cf5a86d9755df3a6c593",
        version_number=0,
        tenant="first",
        status=Status.WAITING,
        turn_number=1,
        revision=1,
        state=b"{}",
        events=b"[]",
        created_at=1.5,
        updated_at=1.5,
    )


def a_turn(number: int, *, token: str = "", text: str = "hi") -> TurnPair:
    return TurnPair(number, 2.5, token, "start", text, Status.WAITING, (f"you said {text}",))
