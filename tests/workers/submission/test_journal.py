"""Each submit is in the journal before it leaves, and one that cannot be noted does not leave."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from reelqueue.states import AttemptState, RenderState
from tests.support.jobs import PROMPT, Jobs
from tests.support.journals import journaling
from tests.support.rows import Rows
from tests.support.scripted_provider import Said, ScriptedProvider, accepted, refused
from tests.support.virtual_clock import VirtualClock
from workers.runtime.submit_journal import JournaledSubmit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def noting(jobs: Jobs, folder: Path) -> Jobs:
    """Jobs whose submits are noted."""
    jobs.context = journaling(jobs.context, folder)
    return jobs


def noted(jobs: Jobs) -> list[JournaledSubmit]:
    return list(jobs.context.journal.read(jobs.clock.now() - timedelta(days=1)).submits.values())


def test_a_submit_is_noted_with_its_task_and_no_prompt(
    noting: Jobs, rows: Rows, provider: ScriptedProvider, folder: Path
) -> None:
    provider.on_submit(accepted("0385dc79"))

    job_id = noting.rendering()

    (one,), (attempt,) = noted(noting), rows.attempts(job_id)
    assert (one.attempt_id, one.job_id, one.number, one.account) == (attempt.id, job_id, 1, "default")
    assert (one.spec_sha256, one.key_fingerprint) == (attempt.spec_sha256, attempt.key_fingerprint)
    assert (one.base_url, one.model, one.provider_task_id) == (attempt.base_url, "wan2.6-t2v", "0385dc79")
    assert one.claimed_at <= attempt.sent_at <= one.send_by < one.answer_by
    assert PROMPT not in "".join(path.read_text() for path in folder.rglob("*.jsonl"))


def test_it_is_noted_before_a_byte_leaves(
    noting: Jobs, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[JournaledSubmit]()
    answer = provider.handle_async_request

    async def watched(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            seen.extend(noted(noting))
        return await answer(request)

    monkeypatch.setattr(provider, "handle_async_request", watched)
    job_id = noting.rendering()

    assert [(one.job_id, one.provider_task_id) for one in seen] == [(job_id, None)]


@pytest.mark.parametrize("said", [refused(400, "InvalidParameter"), httpx.ConnectError("refused")])
def test_what_made_no_task_is_left_out(noting: Jobs, provider: ScriptedProvider, said: Said) -> None:
    provider.on_submit(said)

    noting.rendering()

    assert noted(noting) == []


def test_a_submit_whose_answer_was_lost_stays_noted(noting: Jobs, provider: ScriptedProvider) -> None:
    provider.on_submit(httpx.ReadTimeout("silence"))

    job_id = noting.rendering()

    assert [(one.job_id, one.provider_task_id) for one in noted(noting)] == [(job_id, None)]


def test_a_task_id_that_is_another_jobs_is_not_noted_as_its_own(
    noting: Jobs, rows: Rows, provider: ScriptedProvider
) -> None:
    provider.on_submit(accepted("same"), accepted("same"))

    first, second = noting.rendering(), noting.rendering()

    assert {one.job_id: one.provider_task_id for one in noted(noting)} == {first: "same", second: None}
    assert rows.attempts(second)[0].state is AttemptState.AMBIGUOUS


def test_a_submit_that_cannot_be_noted_does_not_leave_until_it_can(
    noting: Jobs, rows: Rows, provider: ScriptedProvider, clock: VirtualClock, folder: Path
) -> None:
    folder.touch()  # a file, where a folder should be
    hint = noting.admitted()
    with capture_logs() as logs:
        noting.submit(hint)

    posts = [one for one in provider.requests if one.method == "POST"]
    assert (posts, rows.state(hint.job_id)) == ([], RenderState.QUEUED)
    assert any("make it a folder" in str(entry.get("reason")) for entry in logs)
    told = str(rows.job(hint.job_id).failure_message)
    assert "journal of submits takes no note" in told
    assert str(folder) not in told  # for its owner, who is to see no path of the operators

    folder.unlink()
    clock.advance(60)
    noting.context.hints.submits.clear()
    again = noting.admitted(prompt="another")
    provider.on_submit(accepted("0385dc79"))
    noting.submit(next(one for one in noting.hints.submits if one.job_id == hint.job_id))

    assert rows.state(hint.job_id) is RenderState.RENDERING
    assert again.job_id != hint.job_id
