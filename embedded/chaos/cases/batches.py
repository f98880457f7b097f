"""Faults of questions that are asked in batches: no batch is made twice, and no line is paid for twice or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from embedded.chaos.cases.case import Case
from embedded.chaos.harness import Harness
from embedded.chaos.service_processes import KEY
from models import OnLostAnswer, TextAttempt, TextBatch, TextJob
from models.operations.texts.cancel import request_text_cancel
from models.session import DatabaseClock
from reelqueue.failure_codes import FailureCode
from reelqueue.qwen import QwenBatches, TextRefusedError
from reelqueue.states import TextBatchState, TextState
from workers.failpoints import Action, Failpoint

_FAMILY: Final = "batch"
_JOBS: Final = 3
_ON_THE_WAY: Final = {
    Failpoint.BATCH_GATHERED: "gathered, hint not sent",
    Failpoint.BATCH_UPLOADED: "file uploaded, nothing committed",
    Failpoint.BATCH_CREATING: "creating is committed, no byte has left",
    Failpoint.BATCH_CREATED: "made, before its id's commit",
    Failpoint.BATCH_READ: "results read, before commit",
    Failpoint.BATCH_SETTLED: "some results committed",
    Failpoint.BATCH_CLOSED: "results committed, not yet closed",
}
_LOST: Final = {"operation": "batch-create", "kind": "drop", "phase": "after"}
_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "answer dropped after it was made": {"kind": "drop", "phase": "after"},
    "answer dropped before it was made": {"kind": "drop", "phase": "before"},
    "500 after it was made": {"kind": "error", "phase": "after", "status": 500},
    "never an answer after it was made": {"kind": "hang", "phase": "after"},
    "a proxy's page after it was made": {"kind": "gateway-page", "phase": "after", "status": 404},
    "refused, too many requests": {"kind": "error", "phase": "before", "status": 429, "code": "limit_requests"},
}
# The first is for the list that is asked before a batch is made.
_LISTS: Final = ("cut", "truncated", "cut-page", "empty")
_RUNS_LONG_SECONDS: Final = 1500.0
_WINDOW_SECONDS: Final = 300.0


def _ask(world: Harness, count: int = _JOBS) -> list[str]:
    return world.ask(count, on_lost_answer=OnLostAnswer.HOLD, is_batched=True)


def _crash(name: Failpoint, world: Harness) -> list[UUID]:
    world.arm(name)
    _ask(world)
    world.wait_until_met(name)
    return []


def _crash_with_the_list(world: Harness) -> list[UUID]:
    world.script(**_LOST)
    return _crash(Failpoint.BATCH_LISTED, world)


def _frozen(world: Harness) -> list[UUID]:
    """A worker that stands still just before the request leaves, until its batch was given up."""
    world.arm(Failpoint.BATCH_CREATING, Action.FREEZE)
    before = _released(world)[FailureCode.BATCH_ABSENT]
    _ask(world)
    world.wait_until_met(Failpoint.BATCH_CREATING, is_crash=False)
    world.wait_for(lambda: _released(world)[FailureCode.BATCH_ABSENT] > before, "the batch is known to be absent")
    for crew in world.crews:
        crew.thaw()
    return []


def _answers(fault: dict[str, Any], world: Harness) -> list[UUID]:
    _strike(world, operation="batch-create", **fault)
    return []


def _cut_lists(world: Harness) -> list[UUID]:
    for kind in _LISTS:
        world.script(operation="batch-list", kind=kind, phase="after")
    _strike(world, **_LOST)
    world.wait_for(lambda: not _unspent(world), "every list was cut")
    return []


def _cut_results(world: Harness) -> list[UUID]:
    _strike(world, operation="file-content", kind="truncated", phase="after")
    return []


def _strike(world: Harness, **fault: Any) -> None:
    """Ask in a batch that a fault happens to."""
    world.script(**fault)
    _ask(world)
    world.wait_for(lambda: fault["operation"] not in _unspent(world), f"{fault['kind']} has happened to a batch")


def _unspent(world: Harness) -> set[str]:
    """Operations that a scripted fault waits for."""
    faults = world.site.control.get("faults").raise_for_status().json()["faults"]
    return {str(fault["operation"]) for fault in faults if not fault["is_spent"]}


def _while_made(hurt: Callable[[Harness], None], world: Harness) -> list[UUID]:
    world.script(operation="batch-create", kind="delay", phase="after", seconds=1)
    _ask(world)
    # A busy machine may not see it being made.
    world.wait_for(
        lambda: _has_one(world, TextBatchState.CREATING) or "batch-create" not in _unspent(world), "a batch is made"
    )
    hurt(world)
    return []


def _while_followed(hurt: Callable[[Harness], None], world: Harness) -> list[UUID]:
    _ask(world)
    _wait_until(world, TextBatchState.RUNNING)
    hurt(world)
    return []


def _flush(world: Harness) -> None:
    world.site.valkey.flush()
    world.injected["fault"] += 1


def _restart_database(world: Harness) -> None:
    world.site.postgres.stop()
    world.injected["fault"] += 1
    world.pause(0.5)
    world.site.postgres.start()


def _expires(world: Harness) -> list[UUID]:
    """After some of its lines were answered; the others are asked in another batch."""
    before = _released(world)["batch_expired"]
    runs = {"batch_window_seconds": _WINDOW_SECONDS, "batch_run_seconds": 1.5 * _WINDOW_SECONDS}
    with world.configured(texts=runs):
        _ask(world)
        world.wait_for(lambda: _released(world)["batch_expired"] > before, "lines have expired")
    return []


def _is_cancelled_by_hand(world: Harness) -> list[UUID]:
    """In the provider's console: its jobs are still wanted."""
    before = _released(world)["batch_cancelled"]
    with world.configured(texts={"batch_run_seconds": _RUNS_LONG_SECONDS}):
        _ask(world)
        cancelled: set[str] = set()

        def are_cancelled() -> bool:
            # Those that run already may be of the load, and over before any of their lines is cancelled.
            _cancel_at_provider(world, cancelled)
            return _released(world)["batch_cancelled"] > before

        world.wait_for(are_cancelled, "lines were cancelled")
    return []


def _is_abandoned(world: Harness) -> list[UUID]:
    with world.configured(texts={"batch_run_seconds": _RUNS_LONG_SECONDS}):
        keys = _ask(world)
        _wait_until(world, TextBatchState.RUNNING)
        with Session(world.engine) as session, session.begin():
            now = DatabaseClock().now(session)
            jobs = session.scalars(select(TextJob.id).where(TextJob.idempotency_key.in_(keys)).order_by(TextJob.id))
            for job_id in jobs.all():
                request_text_cancel(session, job_id, now=now, abandon_running=True)
        world.injected["fault"] += 1
        world.wait_for(lambda: not set(keys).intersection(world.books.texts.unfinished()), "its jobs have ended")
    return []


def _cancel_at_provider(world: Harness, cancelled: set[str]) -> None:
    """Cancel the batches that run, but for those that were cancelled before."""
    with Session(world.engine) as session:
        # Before its file is read, a batch has no lines that could be cancelled.
        running = select(TextBatch.provider_batch_id).where(
            TextBatch.state == TextBatchState.RUNNING, TextBatch.provider_status == "in_progress"
        )
        provider_ids = {str(one) for one in session.scalars(running)} - cancelled
    with QwenBatches({"base_url": f"{world.site.base_url}/compatible-mode/v1", "api_key": KEY}) as client:
        for provider_id in provider_ids:
            cancelled.add(provider_id)
            try:
                client.cancel(provider_id)
            except TextRefusedError:  # it is over
                continue
            world.injected["fault"] += 1


def _wait_until(world: Harness, state: TextBatchState) -> None:
    world.wait_for(lambda: _has_one(world, state), f"a batch is {state}")


def _has_one(world: Harness, state: TextBatchState) -> bool:
    with Session(world.engine) as session:
        return session.scalars(select(TextBatch.id).where(TextBatch.state == state).limit(1)).first() is not None


def _released(world: Harness) -> Counter[str | None]:
    """How many lines were closed unanswered, by why."""
    counted = select(TextAttempt.error_code, func.count()).where(TextAttempt.batch_id.is_not(None))
    with Session(world.engine) as session:
        return Counter(dict(session.execute(counted.group_by(TextAttempt.error_code)).all()))


def _are_answered(world: Harness, _job_ids: list[UUID]) -> bool:
    """Whether every job that was in a batch has its answer, or was cancelled."""
    with Session(world.engine) as session:
        states = set(session.scalars(select(TextJob.state).where(TextJob.is_batched).distinct()))
    return TextState.SUCCEEDED in states and states <= {TextState.SUCCEEDED, TextState.CANCELLED}


_case = partial(Case, _FAMILY, proof=_are_answered)

BATCHES: Final = (
    *(_case(line, partial(_crash, name), in_ci=name is Failpoint.BATCH_CREATED) for name, line in _ON_THE_WAY.items()),
    _case("the list read after a lost answer, nothing committed", _crash_with_the_list),
    _case("a worker frozen before the request leaves", _frozen),
    *(_case(line, partial(_answers, fault), in_ci="500" in line) for line, fault in _ANSWERS.items()),
    _case("cut lists after a lost answer", _cut_lists),
    _case("a cut file of results", _cut_results),
    _case("the broker forgets while it is made", partial(_while_made, _flush)),
    _case("the broker forgets while it is followed", partial(_while_followed, _flush)),
    _case("the database restarts while it is made", partial(_while_made, _restart_database)),
    _case("the database restarts while it is followed", partial(_while_followed, _restart_database)),
    _case("expires in the middle", _expires, in_ci=True),
    _case("cancelled by hand in the middle", _is_cancelled_by_hand),
    _case("all its jobs abandoned in the middle", _is_abandoned),
)
"""Cases of text jobs in batches; each orders no clip."""
