"""All scenarios: name, generator, what it needs of the target, which requirements it can prove."""

from collections.abc import Callable
from dataclasses import dataclass

from wfconform.scenarios import access, cancelling, concurrent, durable, endings, probing, run_ids, turns, versions
from wfconform.scenarios.client import Client, Scenario


@dataclass(frozen=True, slots=True)
class ScenarioSpec:
    """One scenario. needs: in the words of the catalogue's `needs`.

    alone: played before all others, with nothing beside it, so that what it proves broken explains what follows from
    that elsewhere.
    """

    name: str
    run: Callable[[Client], Scenario]
    proves: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    alone: bool = False

    @property
    def sentence(self) -> str:
        """What the client does, from the generator's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


# Proved by every session that is answered at all.
EVERYWHERE = (
    *("EXE-001", "EXE-002", "AUT-004", "RUN-001", "RUN-002", "RUN-008", "RUN-012", "TRN-001"),
    *("STS-001", "STS-002", "STS-003", "STS-004", "STS-005", "EVT-001", "EVT-002", "EVT-003", "EVT-005", "EVT-006"),
    "EVT-010",
)
# Proved by every session that waits for input and takes a later turn.
CONVERSING = (
    *("RUN-003", "TRN-002", "STS-007", "STS-008", "STS-012", "STS-014"),
    *("EVT-004", "EVT-007", "EVT-009"),
)
UNHARMED = ("EXE-010", "TRN-003")
# Broken by any answer in any scenario: who asks for one of these is shown what all scenarios show of it.
ANYWHERE = frozenset(
    (*EVERYWHERE, *CONVERSING, "EXE-008", "EXE-009", "EXE-014", "TRN-007", "STS-006", "STS-013", "EVT-008")
)


def _spec(
    run: Callable[[Client], Scenario],
    *proves: str,
    needs: tuple[str, ...] = (),
    alone: bool = False,
) -> ScenarioSpec:
    return ScenarioSpec(run.__name__, run, proves, frozenset(needs), alone)


_SPECS = (
    _spec(turns.twelve_turns, *EVERYWHERE, *CONVERSING, "CAN-001", "CAN-002", alone=True),
    _spec(concurrent.interleaved, "TRN-004", alone=True),
    _spec(cancelling.cancel_one_of_three, "CAN-007", alone=True),
    _spec(versions.each_version, "VER-001", "VER-002", needs=("versioned",), alone=True),
    _spec(versions.twelve_turns_on_a_version, "VER-002", needs=("versioned",)),
    _spec(versions.active_version, "VER-004", "VER-002", needs=("versioned", "active"), alone=True),
    _spec(turns.fresh_connections, "RUN-009", alone=True),
    _spec(turns.twelve_marked_turns, "TRN-007", "EVT-008", needs=("echo",), alone=True),
    _spec(turns.full_form, "EXE-012", alone=True),
    _spec(durable.record_of_a_run, "DUR-001", "DUR-004", needs=("mongo",), alone=True),
    _spec(durable.refusals_leave_no_record, "DUR-005", needs=("mongo",), alone=True),
    _spec(durable.survives_a_restart, "DUR-003", needs=("restart",), alone=True),
    _spec(durable.record_of_a_stop, "DUR-002", needs=("mongo",)),
    _spec(durable.record_of_an_end, "DUR-004", needs=("mongo", "end")),
    _spec(cancelling.cancel_in_flight, "CAN-006", "TRN-006", needs=("slow",)),
    _spec(cancelling.cancel_midway, "CAN-006", "TRN-006", needs=("slow",)),
    _spec(cancelling.cancel_beside, "CAN-007", needs=("slow",)),
    _spec(concurrent.submit_slow, "TRN-005", needs=("slow",)),
    _spec(cancelling.cancel_waiting, "CAN-001", "CAN-002", "CAN-003", "TRN-006", "STS-009", "STS-013"),
    _spec(turns.extra_fields, "EXE-007"),
    _spec(turns.run_id_null, "RUN-004"),
    _spec(turns.data_and_resume, "RUN-011"),
    _spec(turns.whole_texts, "EXE-013", needs=("echo",)),
    _spec(cancelling.cancel_after_first_turn, "CAN-001", "CAN-002", "TRN-006"),
    _spec(cancelling.stop_twice_at_once, "TRN-006", "CAN-002"),
    _spec(cancelling.stop_without_run_id, "CAN-004", "CAN-007"),
    _spec(cancelling.cancel_paused, "CAN-001", "CAN-002", needs=("pauses",)),
    _spec(concurrent.parallel, "TRN-004", "RUN-002"),
    _spec(concurrent.submit_two, "TRN-005"),
    _spec(concurrent.submit_eight, "TRN-005"),
    _spec(endings.conversation_completes, "STS-009", "CAN-005", "STS-010", needs=("end",)),
    _spec(endings.completes, "STS-010", "STS-009", "CAN-005", "STS-012", needs=("completes",)),
    _spec(endings.fails, "STS-010", "STS-006", "STS-009", "CAN-005", needs=("fails",)),
    _spec(endings.loops, "STS-010", "STS-009", "STS-013", needs=("loops",)),
    _spec(endings.pauses, "STS-010", "STS-011", "STS-013", needs=("pauses",)),
    _spec(probing.malformed_workflow_id, "EXE-003", *UNHARMED),
    _spec(probing.unknown_workflow, "EXE-004", "EXE-009", *UNHARMED),
    _spec(probing.malformed_body, "EXE-005", "EXE-009", *UNHARMED),
    _spec(probing.unknown_command, "EXE-006", "EXE-009", *UNHARMED),
    _spec(probing.wrong_types, "EXE-006"),
    _spec(probing.rough_first_turns, "EXE-008"),
    _spec(probing.rough_later_turns, "EXE-008"),
    _spec(probing.other_methods, "EXE-011"),
    _spec(access.no_key, "AUT-001", "AUT-005", *UNHARMED, needs=("auth",)),
    _spec(access.wrong_key, "AUT-002", "AUT-005", *UNHARMED, needs=("auth",)),
    _spec(access.cut_key, "AUT-002", *UNHARMED, needs=("auth",)),
    _spec(access.extended_key, "AUT-002", *UNHARMED, needs=("auth",)),
    _spec(access.swapped_key, "AUT-002", *UNHARMED, needs=("auth", "letters")),
    _spec(access.empty_key, "AUT-002", *UNHARMED, needs=("auth",)),
    _spec(access.wrong_scheme, "AUT-002", "AUT-005", *UNHARMED, needs=("auth",)),
    _spec(access.second_tenant, "AUT-003", "AUT-006", needs=("key2",)),
    _spec(run_ids.never_issued, "RUN-005", "EXE-009"),
    _spec(run_ids.malformed, "RUN-006", "EXE-009", *UNHARMED),
    _spec(run_ids.foreign_workflow, "RUN-007", "EXE-009", *UNHARMED, needs=("other",)),
    _spec(run_ids.overridden_in_body, "RUN-010"),
    _spec(versions.malformed_version, "VER-003"),
    _spec(versions.no_such_version, "VER-003", needs=("versioned",)),
    _spec(versions.zero_in_the_body, "VER-001", "VER-005", needs=("versioned",)),
    _spec(versions.interleaved_versions, "VER-006", needs=("versioned",)),
)


def catalogue() -> tuple[ScenarioSpec, ...]:
    """Return every scenario: those that are played alone, then the longest first."""
    return _SPECS
