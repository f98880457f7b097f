"""What a stored job may cost at an account."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.job_reference import JobReference
from models.operations.jobs.enqueue import to_request
from models.operations.money.slot_reservations import Quote
from models.render_job import RenderJob
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate
from reelqueue.requests.base import RenderRequest


def stored_request(session: Session, job: RenderJob, *, first_frame: str | None = None) -> RenderRequest:
    """The request of a stored job.

    Args:
        session: To read with.
        job: The job.
        first_frame: Of a continued clip, as it is sent; None takes a placeholder.

    Raises:
        InvalidRequestError: The catalog has changed since it was stored.
    """
    references = select(JobReference).where(JobReference.job_id == job.id).order_by(JobReference.position)
    return to_request(job, session.scalars(references), first_frame=first_frame)


def quote(session: Session, job: RenderJob, account: Account) -> Quote | None:
    """The most that a job may cost, by the list prices of the account's region; None where none is published."""
    try:
        cost = estimate(stored_request(session, job), account.region)
    except InvalidRequestError:
        return None  # its submit says why it cannot be sent
    if cost is None or not cost.billed_seconds_max:
        return None
    return Quote(cost.max_amount, cost.max_amount / cost.billed_seconds_max, cost.currency)
