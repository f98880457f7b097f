"""From rows to what the API says about a job's history."""

from __future__ import annotations

from typing import Final

from models.job_event import DOUBLE_PAYMENT_EXPLAINED, STORE_FAILED, JobEvent
from reelqueue.schemas.jobs import JobEvent as JobEventView

_ARCHIVE_REASON: Final = "the archive did not take the file; it is tried again, and the operators see why"


def event_view(event: JobEvent) -> JobEventView:
    """*event* as its tenant sees it: without the paths, addresses and names of the operators."""
    view = JobEventView.model_validate(event)
    if event.kind == DOUBLE_PAYMENT_EXPLAINED:
        return view.model_copy(update={"detail": {"paid": event.detail["paid"]}})
    if event.kind != STORE_FAILED:
        return view
    return view.model_copy(update={"detail": event.detail | {"reason": _ARCHIVE_REASON}})
