"""What a stored job may cost at an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from models.account import Account
from models.operations.jobs.request_rows import stored_request
from models.operations.money.prices import known_prices
from models.operations.money.slot_reservations import Quote
from models.render_job import RenderJob
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate


def quote(session: Session, job: RenderJob, account: Account, *, at: datetime | None = None) -> Quote | None:
    """The most that a job may cost at an account, by the prices of a moment or of now; None where none is known."""
    prices = known_prices(session, account.id, at=at)
    try:
        cost = estimate(stored_request(session, job), account.region, prices=prices)
    except InvalidRequestError:
        return None  # its submit says why it cannot be sent
    if cost is None or not cost.billed_seconds_max:
        return None
    return Quote(cost.max_amount, cost.max_amount / cost.billed_seconds_max, cost.currency)
