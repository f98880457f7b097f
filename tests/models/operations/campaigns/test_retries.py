"""Which clips are rendered again: chosen by what they are, and bought once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.render_job import RenderJob
from reelqueue.campaigns.filters import read_condition
from reelqueue.errors import InvalidRequestError
from reelqueue.states import FailureClass, RenderState
from tests.support.stored_clips import apply, clip, make_campaign, standing
from tests.support.stored_jobs import NOW

STYLES = ("noir", "no_r", "water")


@pytest.fixture
def failed(session: Session) -> Campaign:
    """A campaign of three clips that failed, one a style, on the lines 2, 3 and 4."""
    campaign = make_campaign(session)
    rows = [clip(f"cup-{style}", variables={"style": style}, line=line) for line, style in enumerate(STYLES, 2)]
    apply(session, campaign, *rows)
    session.execute(update(RenderJob).values(state=RenderState.FAILED, failure_class=FailureClass.INPUT))
    return campaign


def chosen(session: Session, campaign: Campaign, *where: str) -> list[str | None]:
    which = Which(where=[read_condition(one) for one in where])
    return [job.custom_id for job in find_retries(session, campaign.id, which, limit=100)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["var.style=noir"], ["noir"]),
        (["var.style=no_r"], ["no_r"]),  # a wildcard of SQL is a letter here
        (["var.style=no*"], ["noir", "no_r"]),
        (["var.style=%"], []),
        (["var.place=noir"], []),
        (["row=3..4"], ["no_r", "water"]),
        (["row=2"], ["noir"]),
        (["model=wan2.6-*", "custom_id=*water"], ["water"]),
        (["model=wan2.7-t2v"], []),
    ],
)
def test_conditions_choose(session: Session, failed: Campaign, where: list[str], found: list[str]) -> None:
    assert chosen(session, failed, *where) == [f"cup-{style}" for style in found]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("noir", "NAME=VALUE"),
        ("style=noir", "var.NAME"),
        ("var.=noir", "var.NAME"),
        ("row=a", "row=17..40"),
        ("row=4..3", "before its beginning"),
        ("state=failed", "one of custom_id"),
    ],
)
def test_what_is_no_condition_is_told(text: str, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        read_condition(text)


def test_a_retry_that_is_repeated_buys_nothing(session: Session, failed: Campaign) -> None:
    jobs = find_retries(session, failed.id, Which(), limit=100)

    retry_clips(session, failed, jobs, now=NOW)

    assert chosen(session, failed) == []
    assert {job.state for job in standing(session, failed).values()} == {RenderState.QUEUED}


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_time_to_start_by_that_has_passed_is_not_inherited(session: Session, failed: Campaign, minutes: int) -> None:
    start_by = NOW + timedelta(minutes=minutes)
    session.execute(update(RenderJob).values(start_by=start_by))
    failed.start_by = start_by

    retry_clips(session, failed, find_retries(session, failed.id, Which(), limit=1), now=NOW)

    (heir,) = (job for job in standing(session, failed).values() if job.state is RenderState.QUEUED)
    assert heir.start_by == (start_by if minutes > 0 else None)
