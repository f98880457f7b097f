"""Faults of questions to language models: each is asked no more often than its owner has allowed, and entered."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from embedded.chaos.cases.case import Case
from embedded.chaos.harness import Harness
from embedded.chaos.text_load import ANSWER_FAULTS
from models import OnLostAnswer, TextAttempt
from reelqueue.states import TextAttemptState
from workers.failpoints import Failpoint

_FAMILY: Final = "text"
_JOBS: Final = 3
_ON_THE_WAY: Final = {
    Failpoint.TEXT_TAKEN_IN: "row committed, hint not sent",
    Failpoint.TEXT_INTENT: "after intent, before send",
    Failpoint.TEXT_SENT: "sent is committed, no byte has left",
    Failpoint.TEXT_BEGUN: "head of the answer read, before commit",
    Failpoint.TEXT_ANSWERED: "whole answer read, before commit",
    Failpoint.TEXT_CLOSED: "outcome committed, hints not sent",
}
_IN_CI: Final = {Failpoint.TEXT_SENT, Failpoint.TEXT_ANSWERED}
_REFUSED: Final = {"operation": "chat", "kind": "error", "phase": "before", "status": 429, "code": "limit_requests"}


def _crash(name: Failpoint, world: Harness) -> list[UUID]:
    world.arm(name)
    world.ask(_JOBS)
    world.wait_until_met(name)
    return []


def _answers(fault: dict[str, Any], world: Harness) -> list[UUID]:
    world.script(operation="chat", **fault, count=2)
    world.ask(_JOBS)
    world.ask(1, on_lost_answer=OnLostAnswer.HOLD)
    return []


def _throttled(world: Harness) -> list[UUID]:
    world.script(**_REFUSED, count=3)
    world.ask(_JOBS)
    return []


def _broker_forgets(world: Harness) -> list[UUID]:
    world.script(operation="chat", kind="delay", phase="after", seconds=0.5, count=_JOBS)
    world.ask(_JOBS)
    world.site.valkey.flush()
    world.injected["fault"] += 1
    return []


def _database_restarts(world: Harness) -> list[UUID]:
    """While answers are on their way, which must be stored when it is back."""
    world.script(operation="chat", kind="delay", phase="after", seconds=1, count=_JOBS)
    world.ask(_JOBS)
    world.wait_for(lambda: bool(_calls(world)[TextAttemptState.SENT]), "a call is under way")
    world.site.postgres.stop()
    world.injected["fault"] += 1
    world.pause(0.5)
    world.site.postgres.start()
    return []


def _calls(world: Harness) -> dict[TextAttemptState, int]:
    with Session(world.engine) as session:
        states = list(session.scalars(select(TextAttempt.state)))
    return {state: states.count(state) for state in TextAttemptState}


TEXTS: Final = (
    *(Case(_FAMILY, line, partial(_crash, name), in_ci=name in _IN_CI) for name, line in _ON_THE_WAY.items()),
    *(
        Case(_FAMILY, line, partial(_answers, fault), in_ci=line == "lost answer")
        for line, fault in ANSWER_FAULTS.items()
    ),
    Case(_FAMILY, "refused three times in a row", _throttled),
    Case(_FAMILY, "the broker forgets while questions wait", _broker_forgets),
    Case(_FAMILY, "the database restarts while answers come", _database_restarts),
)
"""Cases of text jobs; each orders no clip."""
