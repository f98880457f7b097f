from __future__ import annotations

import datetime as dt

import pytest

from api.views.events import event_view
from models.base import new_id
from models.job_event import JobEvent

PLACE = "file:///srv/archive: No space left on device; free space there, or set REELQUEUE_ARCHIVE_URL"


def event(kind: str) -> JobEvent:
    detail = {"fetch": 2, "reason": PLACE, "hours_left": 3.5}
    return JobEvent(id=1, job_id=new_id(), at=dt.datetime.now(dt.UTC), kind=kind, detail=detail)


def test_a_tenant_is_not_shown_where_the_archive_is() -> None:
    stored = event("keep_failed")

    seen = event_view(stored).detail

    assert "/srv" not in str(seen)
    assert (seen["fetch"], seen["hours_left"]) == (2, 3.5)
    assert stored.detail["reason"] == PLACE  # the doctor shows it


@pytest.mark.parametrize("kind", ["fetch_failed", "alarm"])
def test_other_events_are_shown_whole(kind: str) -> None:
    stored = event(kind)

    assert event_view(stored).detail == stored.detail
