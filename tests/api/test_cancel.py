"""POST /v1/jobs/{id}/cancel, and the history that it leaves."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.render_job import RenderJob
from reelqueue.states import RenderState
from tests.api.conftest import Enqueue, job_id, problem


def test_a_queued_job_is_cancelled_at_once(api: httpx.Client, enqueue: Enqueue) -> None:
    job = enqueue()

    answer = api.post(f"/v1/jobs/{job['id']}/cancel")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["is_terminal"]) == ("cancelled", True)


def test_cancelling_twice_is_cancelling_once(api: httpx.Client, enqueue: Enqueue) -> None:
    path = f"/v1/jobs/{enqueue()['id']}/cancel"
    first = api.post(path)

    again = api.post(path)

    assert again.status_code == 200
    assert again.json() == first.json()


@pytest.mark.parametrize(("running", "abandons"), [("finish", False), ("abandon", True)])
def test_a_rendering_job_is_asked_to_stop(
    api: httpx.Client, rows: Session, enqueue: Enqueue, *, running: str, abandons: bool
) -> None:
    job = enqueue()
    stand(rows, RenderState.RENDERING)

    answer = api.post(f"/v1/jobs/{job['id']}/cancel", json={"running": running})

    assert answer.json()["state"] == "cancelling"
    assert rows.get_one(RenderJob, job_id(job), populate_existing=True).abandon_running is abandons


@pytest.mark.parametrize("state", [RenderState.SUCCEEDED, RenderState.ARCHIVING, RenderState.NEEDS_REVIEW])
def test_a_job_past_stopping_is_a_conflict(
    api: httpx.Client, rows: Session, enqueue: Enqueue, state: RenderState
) -> None:
    job = enqueue()
    stand(rows, state)

    answer = api.post(f"/v1/jobs/{job['id']}/cancel")

    assert answer.status_code == 409
    assert state in problem(answer)["detail"]


@pytest.mark.parametrize("body", [{"running": "kill"}, {"running": None}, {"runing": "abandon"}])
def test_a_wrong_option_cancels_nothing(api: httpx.Client, enqueue: Enqueue, body: dict[str, object]) -> None:
    job = enqueue()

    answer = api.post(f"/v1/jobs/{job['id']}/cancel", json=body)

    assert answer.status_code == 422
    assert api.get(f"/v1/jobs/{job['id']}").json()["state"] == "queued"


def test_events_tell_the_moves_in_order_by_pages(api: httpx.Client, enqueue: Enqueue) -> None:
    path = f"/v1/jobs/{enqueue()['id']}"
    api.post(f"{path}/cancel").raise_for_status()

    first = api.get(f"{path}/events", params={"limit": 1}).json()
    second = api.get(f"{path}/events", params={"limit": 1, "after": first["next_after"]}).json()

    moves = [(event["from_state"], event["to_state"]) for page in (first, second) for event in page["items"]]
    assert moves == [(None, "queued"), ("queued", "cancelled")]
    assert second["next_after"] is None


def stand(rows: Session, state: RenderState) -> None:
    """Put every job into *state*, as workers would have by their steps."""
    rows.execute(update(RenderJob).values(state=state))
    rows.commit()
