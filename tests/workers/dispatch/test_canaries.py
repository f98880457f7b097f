"""A canary shows something of everything, and is the same whoever chooses it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from models import Campaign, RenderJob
from models.operations.admission.canary_selection import Candidate, select_canary
from models.operations.campaigns.control import approve
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.stored_clips import apply, clip, make_campaign
from workers.dispatch.dispatcher import dispatch

STYLES, RATIOS = ("noir", "water", "paper"), ("16:9", "9:16", "1:1")
MODEL = {"model": "wan2.7-t2v"}
MATRIX = [
    clip(f"K-{row}-{style}-{ratio}", ratio=ratio, line=row + 2, variables={"SKU": row, "style": style}) | MODEL
    for row in range(4) for style in STYLES for ratio in RATIOS
]  # fmt: skip
Start = Callable[..., UUID]


@pytest.fixture
def start(jobs: Jobs) -> Start:
    """Starts a campaign of some clips, with a canary of so many."""

    def store(count: int, *clips: dict[str, Any]) -> UUID:
        with jobs.context.sessions.begin() as session:
            campaign = make_campaign(session, canary_count=count)
            apply(session, campaign, *clips)
            return campaign.id

    return store


def canary(jobs: Jobs, rows: Rows) -> list[RenderJob]:
    """The clips that have got slots, as slots allow."""
    while dispatch(jobs.context):
        pass
    with rows.sessions.begin() as session:
        begun = select(RenderJob).where(RenderJob.state != RenderState.QUEUED).order_by(RenderJob.id)
        return list(session.scalars(begun))


def named(rows: Rows, jobs: Jobs, name: str, state: RenderState) -> None:
    rows.change(
        RenderJob, RenderJob.custom_id == name, RenderJob.superseded_at.is_(None),
        state=state, finished_at=jobs.clock.now(),
    )  # fmt: skip


@pytest.mark.parametrize("count", [3, 4])
def test_every_value_of_a_matrix_and_several_rows_are_there(jobs: Jobs, rows: Rows, start: Start, count: int) -> None:
    start(count, *MATRIX)

    begun = canary(jobs, rows)

    assert len(begun) == count
    assert {job.clip_variables["style"] for job in begun if job.clip_variables} == set(STYLES)
    assert {job.ratio for job in begun} == set(RATIOS)
    assert len({job.clip_line for job in begun}) == count


def test_every_model_of_a_plain_sheet_is_there(jobs: Jobs, rows: Rows, start: Start) -> None:
    models = [*["wan2.6-t2v"] * 9, "wan2.7-t2v", "wan2.5-t2v-preview"]
    start(3, *(clip(str(number), model=model) for number, model in enumerate(models)))

    assert {job.model for job in canary(jobs, rows)} == set(models)


def test_rows_that_differ_in_nothing_else_are_spread_over_the_file(jobs: Jobs, rows: Rows, start: Start) -> None:
    start(3, *(clip(f"{number:02}", line=number + 2) for number in range(30)))

    assert [job.custom_id for job in canary(jobs, rows)] == ["00", "10", "20"]


def test_the_clip_before_comes_along(jobs: Jobs, rows: Rows, start: Start) -> None:
    shots = [clip(f"a{n}") if n == 0 else clip(f"a{n}", after=f"a{n - 1}", first_frame="last_frame") for n in range(4)]
    start(2, *shots)

    (first,) = canary(jobs, rows)
    with rows.sessions.begin() as session:
        chosen = session.scalars(select(Campaign.canary_ids)).one()

    assert (first.custom_id, chosen) == ("a0", ["a0", "a1"])


def test_a_canary_clip_that_is_retried_or_corrected_is_rendered_in_its_place(
    jobs: Jobs, rows: Rows, start: Start
) -> None:
    campaign_id = start(2, *(clip(f"{number}", line=number + 2) for number in range(10)))
    assert [job.custom_id for job in canary(jobs, rows)] == ["0", "5"]
    named(rows, jobs, "0", RenderState.MODERATED)
    named(rows, jobs, "5", RenderState.FAILED)

    with rows.sessions.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        apply(session, campaign, clip("0", prompt="corrected", line=2))
        retry_clips(session, campaign, find_retries(session, campaign_id, Which(), limit=5), now=jobs.clock.now())

    assert len(dispatch(jobs.context)) == 2
    with rows.sessions.begin() as session:
        admitted = select(RenderJob.custom_id).where(RenderJob.state == RenderState.ADMITTED)
        assert set(session.scalars(admitted)) == {"0", "5"}


def test_a_canary_clip_that_is_gone_is_made_up_for(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(2, *(clip(f"{number}", line=number + 2) for number in range(4)))
    with rows.sessions.begin() as session:
        session.get_one(Campaign, campaign_id).canary_ids = ["1", "gone"]
    named(rows, jobs, "1", RenderState.EXPIRED)

    assert len(dispatch(jobs.context)) == 2


def test_the_rest_goes_in_its_order_once_it_is_approved(jobs: Jobs, rows: Rows, start: Start) -> None:
    campaign_id = start(1, *(clip(f"{number}", line=number + 2) for number in range(4)))
    canary(jobs, rows)
    with rows.sessions.begin() as session:
        approve(session.get_one(Campaign, campaign_id), now=jobs.clock.now())

    assert len(dispatch(jobs.context)) == 3


AXES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(AXES, st.integers(1, 12))
def test_each_value_of_a_full_matrix_is_covered_as_far_as_the_canary_goes(sizes: list[int], count: int) -> None:
    cells = itertools.product(*(range(size) for size in sizes))
    clips = [
        Candidate(custom_id=str(cell), facts={str(axis): value for axis, value in enumerate(cell)}) for cell in cells
    ]
    by_id = {one.custom_id: one for one in clips}

    chosen = [by_id[name].facts for name in select_canary(clips, count)]

    assert len(chosen) == min(count, len(clips))
    for axis, size in enumerate(sizes):
        assert len({facts[str(axis)] for facts in chosen}) == min(size, len(chosen))
    assert select_canary(clips, count) == select_canary(clips, count)


def test_a_large_canary_has_its_size_and_is_spread_over_the_file() -> None:
    clips = [Candidate(custom_id=str(number), facts={}, is_chosen=number < 5) for number in range(1000)]

    chosen = [int(name) for name in select_canary(clips, 150)]

    # The first hundred are chosen by what they have, the others by their place alone.
    assert len(set(chosen)) == 150
    assert min(chosen) >= 5
    assert chosen[100:] == sorted(chosen[100:])
    assert [number // 100 for number in chosen[100::5]] == list(range(10))


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 40))
def test_a_clip_is_chosen_after_the_one_that_it_waits_for(parents: list[int], count: int) -> None:
    clips = [
        Candidate(custom_id=str(n), facts={}, after=str(parent) if parent < n else None)
        for n, parent in enumerate(parents)
    ]

    chosen = select_canary(clips, count)

    assert len(chosen) == min(count, len(clips))
    for place, name in enumerate(chosen):
        after = clips[int(name)].after
        assert after is None or after in chosen[:place]
