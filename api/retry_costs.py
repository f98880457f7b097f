"""What rendering clips again would cost, by the list prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from api.references import References, read_references
from models.enqueue import to_request
from models.render_job import RenderJob
from reelqueue.campaigns.answers import RetriedClips
from reelqueue.errors import InvalidRequestError
from reelqueue.prices import CostEstimate, estimate

_AT_ONCE: Final = 500
_NAMED: Final = 100


def retried(session: Session, jobs: Sequence[RenderJob], *, region: str, is_dry_run: bool) -> RetriedClips:
    """How many clips these are, and the most that they cost."""
    costs: list[CostEstimate | None] = []
    for begin in range(0, len(jobs), _AT_ONCE):
        some = jobs[begin : begin + _AT_ONCE]
        references = read_references(session, [job.id for job in some])
        costs += [_cost(job, references.get(job.id, References()), region) for job in some]
    priced = [cost for cost in costs if cost is not None]
    return RetriedClips(
        count=len(jobs),
        is_dry_run=is_dry_run,
        max_amount=sum((cost.max_amount for cost in priced), Decimal(0)),
        currency=priced[0].currency if priced else None,
        unpriced_count=len(costs) - len(priced),
        custom_ids=[job.custom_id for job in jobs[:_NAMED] if job.custom_id is not None],
    )


def _cost(job: RenderJob, references: References, region: str) -> CostEstimate | None:
    try:
        return estimate(to_request(job, references.rows), region)
    except InvalidRequestError:
        return None  # its submit will say why it cannot be sent
