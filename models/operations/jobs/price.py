"""What a stored job may cost at an account."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.account import Account
from models.operations.jobs.request_rows import stored_request
from models.operations.money.slot_reservations import Quote
from models.render_job import RenderJob
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate


def quote(session: Session, job: RenderJob, account: Account) -> Quote | None:
    """The most that a job may cost, by the list prices of the account's region; None where none is published."""
    try:
        cost = estimate(stored_request(session, job), account.region)
    except InvalidRequestError:
        return None  # its submit says why it cannot be sent
    if cost is None or not cost.billed_seconds_max:
        return None
    return Quote(cost.max_amount, cost.max_amount / cost.billed_seconds_max, cost.currency)
