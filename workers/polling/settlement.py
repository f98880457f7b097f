"""What a provider task that has ended cost: once, by the seconds that the provider counts.

=========================  =====================================================================
it ended as                then
=========================  =====================================================================
SUCCEEDED                  settled: billed seconds times the price at admission
FAILED, CANCELED           nothing: the provider does not bill it
anything else              written off: nobody will know, and the provider may have billed it
=========================  =====================================================================
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.ledger_entry import EntryKind
from models.operations.money.ledger import Spending
from models.provider_task import ProviderTask
from models.render_job import RenderJob
from models.slot import Slot
from workers.dashscope import ProviderError, TaskAnswer, TaskStatus

log = structlog.get_logger(__name__)

_UNBILLED = frozenset({TaskStatus.FAILED, TaskStatus.CANCELED})


def spending_of(
    session: Session, task_row_id: UUID, slot: Slot | None, answer: TaskAnswer | ProviderError
) -> list[Spending]:
    """What an ended task cost: one spending, or none.

    Args:
        session: In the transaction that stores the answer.
        task_row_id: Our row of the task.
        slot: What its job had leased, which is released.
        answer: The last that the provider said.
    """
    if isinstance(answer, TaskAnswer) and answer.status in _UNBILLED:
        return []
    task, campaign_id = session.execute(
        select(ProviderTask, RenderJob.campaign_id)
        .join(RenderJob, RenderJob.id == ProviderTask.job_id)
        .where(ProviderTask.id == task_row_id)
    ).one()
    if isinstance(answer, TaskAnswer) and answer.status == TaskStatus.SUCCEEDED:
        return [_settlement(task, campaign_id, slot, answer.billed_seconds)]
    reserved = slot.reserved_amount if slot else None
    log.error("provider_task.written_off", job_id=str(task.job_id), provider_task_id=task.provider_task_id,
              amount=str(reserved), currency=task.currency)  # fmt: skip
    return [_spending(EntryKind.WRITE_OFF, task, campaign_id, None, reserved)]


def _settlement(task: ProviderTask, campaign_id: UUID, slot: Slot | None, seconds: Decimal | None) -> Spending:
    if seconds is not None:
        amount = None if task.price_per_second is None else seconds * task.price_per_second
        return _spending(EntryKind.SETTLE, task, campaign_id, seconds, amount)
    # It is billed, and does not say how much: the most that it can be.
    reserved = slot.reserved_amount if slot else None
    log.error("provider_task.unmeasured", job_id=str(task.job_id), provider_task_id=task.provider_task_id,
              seen="SUCCEEDED without usage", amount=str(reserved))  # fmt: skip
    return _spending(EntryKind.SETTLE, task, campaign_id, None, reserved)


def _spending(
    kind: EntryKind, task: ProviderTask, campaign_id: UUID, seconds: Decimal | None, amount: Decimal | None
) -> Spending:
    return Spending(
        kind=kind,
        campaign_id=campaign_id,
        job_id=task.job_id,
        account_id=task.account_id,
        provider_task_id=task.id,
        seconds=seconds,
        amount=amount,
        currency=task.currency,
    )
