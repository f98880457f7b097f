"""Tasks that jobs under review may have made: noted and kept first, given to a job later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from models import Attempt, FoundTask, RenderJob
from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import Doubts, row
from tests.support.jobs import PROMPT
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.scripted_provider import RESULT_URL, listing, succeeded, task
from tests.support.virtual_clock import VirtualClock
from workers.archive import archive_result, found_files
from workers.archive.archive_result import archive_render_job
from workers.archive.download import Download, DownloadError
from workers.archive.found_files import keep_found_file
from workers.archive.retry import LONGEST_RETRY_SECONDS
from workers.operator import manual_review as review
from workers.orphans.scan import scan_for_orphans
from workers.runtime.context import Context
from workers.sweep.sweep import sweep

VIDEO = b"a video"


@pytest.fixture
def parked(doubts: Doubts, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Two jobs of one prompt and other seeds, under review, whose tasks have ended and were noted."""

    def fetch(_url: str, path: Path, **_: object) -> Download:
        path.write_bytes(VIDEO)
        return Download.of(path)

    monkeypatch.setattr(found_files, "fetch", fetch)
    made_ms = int(clock.now().timestamp() * 1000)
    job_ids = [doubts.ambiguous(seed=1), doubts.ambiguous(seed=2)]
    doubts.lists(one=PROMPT, another=PROMPT)
    first = row("one", status="SUCCEEDED", gmt_create=made_ms)
    second = row("another", status="SUCCEEDED", gmt_create=made_ms + 1000)
    doubts.provider.on_list(listing(second, first))
    for job_id in job_ids:
        doubts.give_up(job_id)
    scan_for_orphans(doubts.context)
    return job_ids


def noted(rows: Rows) -> dict[str, FoundTask]:
    with rows.sessions.begin() as session:
        return {one.provider_task_id: one for one in session.scalars(select(FoundTask))}


def keep_all(context: Context) -> None:
    """Sweep, and do what it hints at."""
    hints = context.hints
    assert isinstance(hints, RecordedHints)
    sweep(context)
    while hints.kept:
        keep_found_file(context, hints.kept.pop())


def test_tasks_under_review_are_noted_and_their_files_kept(
    parked: list[UUID], context: Context, rows: Rows, doubts: Doubts
) -> None:
    assert {(one.orig_prompt, one.status) for one in noted(rows).values()} == {(PROMPT, "SUCCEEDED")}
    keep_all(context)

    paths = {task_id: one.path for task_id, one in noted(rows).items()}
    assert paths == {one: f"under-review/default/{one}.mp4" for one in ("one", "another")}
    assert b"".join(context.archive.open(str(paths["one"]))) == VIDEO
    assert [rows.state(job_id) for job_id in parked] == [RenderState.NEEDS_REVIEW] * 2


def test_what_was_asked_at_its_end_is_not_asked_again(parked: list[UUID], context: Context, doubts: Doubts) -> None:
    before = doubts.provider.count("query")

    scan_for_orphans(context)

    assert (doubts.provider.count("query"), len(parked)) == (before, 2)


def test_a_success_without_a_url_is_asked_again_until_it_has_one(
    doubts: Doubts, context: Context, rows: Rows, clock: VirtualClock
) -> None:
    job_id = doubts.ambiguous(seed=1)
    made_ms = int(clock.now().timestamp() * 1000)
    doubts.provider.on_list(listing(row("one", status="SUCCEEDED", gmt_create=made_ms)))
    doubts.provider.on_query(task("SUCCEEDED"), task_id="one")
    doubts.ambiguous(seed=2)
    doubts.give_up(job_id)
    scan_for_orphans(context)
    assert noted(rows)["one"].result_url is None

    doubts.provider.on_query(succeeded(), task_id="one")
    scan_for_orphans(context)

    assert noted(rows)["one"].result_url == RESULT_URL
    assert noted(rows)["one"].next_fetch_at is not None


def test_pairs_are_proposed_in_the_order_of_their_times(parked: list[UUID], context: Context) -> None:
    keep_all(context)

    with context.sessions() as session:
        found = review.questions(session, context)

    assert [(one.job_id, one.proposed_task_id) for one in found] == list(zip(parked, ["one", "another"], strict=True))
    assert {one.fitting_count for one in found} == {2}
    assert all(one.proposed_file and one.proposed_made_at for one in found)


@pytest.mark.parametrize(("status", "pairs"), [("FAILED", 2), ("RUNNING", 1)])
def test_a_task_that_echoes_is_proposed_before_one_that_tells_nothing(
    doubts: Doubts, context: Context, clock: VirtualClock, status: str, pairs: int
) -> None:
    made_ms = int(clock.now().timestamp() * 1000)
    job_ids = [doubts.ambiguous(seed=1), doubts.ambiguous(prompt="another", seed=2)]
    silent = row("silent", status=status, gmt_create=made_ms)
    doubts.provider.on_list(listing(row("telling", status="SUCCEEDED", gmt_create=made_ms + 1000), silent))
    doubts.provider.on_query(succeeded(orig_prompt=PROMPT), task_id="telling")
    doubts.provider.on_query(task(status), task_id="silent")
    with context.sessions.begin() as session:
        session.execute(update(Attempt).values(state=AttemptState.UNRESOLVED, reconcile_at=None))
        session.execute(update(RenderJob).values(state=RenderState.NEEDS_REVIEW))
    scan_for_orphans(context)

    with context.sessions() as session:
        found = review.questions(session, context)

    proposed = [(one.job_id, one.proposed_task_id) for one in found]
    assert proposed == [(job_ids[0], "telling"), (job_ids[1], "silent")]
    assert review.acceptable(found) == proposed[:pairs]


def test_an_adopted_task_is_taken_from_the_archive_when_the_provider_has_forgotten_it(
    parked: list[UUID], context: Context, rows: Rows, doubts: Doubts, clock: VirtualClock, tmp_path: Path
) -> None:
    keep_all(context)
    clock.advance(30 * 3600)
    doubts.provider.on_query(task("UNKNOWN"), task_id="one")

    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, parked[0], "one", now=now)
        effects = review.apply_found(session, parked[0], "one", context.settings, now=now)

    assert [job_id for job_id, _ in effects.to_fetch] == [parked[0]]
    assert rows.state(parked[0]) is RenderState.ARCHIVING
    assert not rows.has_slot(parked[0])
    (task_row,) = rows.tasks(parked[0])
    path = tmp_path / "copied.mp4"
    copied = found_files.copy_found_file(context, task_row, path, lambda: None)
    assert (copied, path.read_bytes()) == (Download.of(path), VIDEO)


def test_a_fetch_that_fails_is_tried_until_the_result_is_gone(
    parked: list[UUID], context: Context, rows: Rows, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Download:
        raise found_files.DownloadError("no")

    monkeypatch.setattr(found_files, "fetch", fail)

    keep_all(context)
    assert all(one.next_fetch_at and one.path is None for one in noted(rows).values())

    clock.time += timedelta(hours=25)
    keep_all(context)
    assert not any(one.next_fetch_at for one in noted(rows).values())


def test_a_fetch_that_fails_is_tried_again_whatever_end_the_task_claims(
    parked: list[UUID], context: Context, rows: Rows, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Download:
        raise found_files.DownloadError("no")

    rows.change(FoundTask, ended_at=clock.now() - timedelta(hours=30))
    monkeypatch.setattr(found_files, "fetch", fail)

    keep_all(context)

    assert all(one.next_fetch_at for one in noted(rows).values())


def test_a_kept_file_that_is_no_video_is_fetched_from_the_provider(
    parked: list[UUID], context: Context, rows: Rows, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(_url: str, path: Path, **_: object) -> Download:
        path.write_bytes(make_clip())
        return Download.of(path)

    keep_all(context)  # what was kept cannot be played
    monkeypatch.setattr(archive_result, "fetch", fetch)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, parked[0], "one", now=now)
        review.apply_found(session, parked[0], "one", context.settings, now=now)

    archive_render_job(context, parked[0])
    assert rows.state(parked[0]) is RenderState.ARCHIVING
    clock.advance(600)
    archive_render_job(context, parked[0])

    assert rows.state(parked[0]) is RenderState.SUCCEEDED


def test_a_kept_file_is_taken_where_the_provider_has_none_when_it_is_tried_again(
    parked: list[UUID], context: Context, rows: Rows, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(_url: str, path: Path, **_: object) -> Download:
        path.write_bytes(make_clip())
        return Download.of(path)

    def fail(*_: object, **__: object) -> Download:
        raise DownloadError("gone")

    monkeypatch.setattr(found_files, "fetch", keep)
    keep_all(context)
    monkeypatch.setattr(archive_result, "fetch", fail)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, parked[0], "one", now=now)
        review.apply_found(session, parked[0], "one", context.settings, now=now)
    rows.change(RenderJob, RenderJob.id == parked[0], archive_count=1)  # a try that failed, such as by a full disk

    archive_render_job(context, parked[0])

    assert rows.state(parked[0]) is RenderState.SUCCEEDED


def test_each_result_is_hinted_at_by_its_own_name_until_it_is_kept(
    parked: list[UUID], context: Context, rows: Rows, doubts: Doubts
) -> None:
    for _ in range(2):  # a hint may get lost
        doubts.jobs.hints.kept.clear()
        sweep(context)
        assert set(doubts.jobs.hints.kept) == {one.id for one in noted(rows).values()}

    keep_all(context)
    sweep(context)

    assert not doubts.jobs.hints.kept
    assert not doubts.jobs.hints.fetches
    assert len(parked) == 2


def test_a_fetch_that_fails_is_hinted_at_again_when_its_back_off_ends(
    parked: list[UUID], context: Context, doubts: Doubts, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Download:
        raise found_files.DownloadError("no")

    monkeypatch.setattr(found_files, "fetch", fail)
    keep_all(context)
    sweep(context)
    assert not doubts.jobs.hints.kept

    clock.advance(LONGEST_RETRY_SECONDS)
    sweep(context)

    assert len(doubts.jobs.hints.kept) == len(parked)


def test_a_message_that_is_doubled_or_late_fetches_nothing(
    parked: list[UUID], context: Context, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(context)

    said = {keep_found_file(context, one.id) for one in noted(rows).values()}

    assert (said, len(parked)) == ({"not due: nothing done"}, 2)


def test_a_part_of_a_file_that_a_killed_worker_left_is_removed(
    parked: list[UUID], context: Context, rows: Rows
) -> None:
    (first, *_) = noted(rows).values()
    with context.archive.incoming(".mp4", owner=str(first.id)) as path:
        left = path.with_name(f"{first.id}.left.mp4")
        left.write_bytes(b"half")

    keep_all(context)

    assert not left.exists()
    assert len(parked) == 2


def test_what_was_kept_is_removed_when_its_job_has_its_video(
    parked: list[UUID], context: Context, rows: Rows, doubts: Doubts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(_url: str, path: Path, **_: object) -> Download:
        path.write_bytes(make_clip())
        return Download.of(path)

    monkeypatch.setattr(found_files, "fetch", keep)
    keep_all(context)
    kept = str(noted(rows)["one"].path)
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        review.adopt(session, parked[0], "one", now=now)
        review.apply_found(session, parked[0], "one", context.settings, now=now)
    scan_for_orphans(context)
    assert set(noted(rows)) == {"one", "another"}  # its job is still being archived
    archive_render_job(context, parked[0])

    scan_for_orphans(context)

    assert set(noted(rows)) == {"another"}
    with pytest.raises(FileNotFoundError):
        context.archive.open(kept)
    assert rows.state(parked[1]) is RenderState.NEEDS_REVIEW
    assert list(context.archive.open(str(noted(rows)["another"].path)))
