"""Operations step by step, without a network and without waiting: retries, waits and their ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from reelqueue import RenderJobError, RenderState, UnavailableError, WaitTimeoutError
from reelqueue.client._operations import Operations
from reelqueue.client._steps import LONGEST_PAUSE_SECONDS, Pause, Send, Step, Steps
from tests.reelqueue.client.conftest import JOB_ID, job, problem

REQUEST = {"model": "wan2.6-t2v", "prompt": "a boat"}
Answer = httpx.Response | httpx.TransportError


def test_a_submit_is_tried_again_with_the_same_key() -> None:
    answers = [httpx.ConnectError("refused"), httpx.ReadTimeout("silent"), problem(503, "down"), ok(job())]

    result, steps = play(Operations(60).submit(REQUEST, {}, None), answers)

    sends = [step for step in steps if isinstance(step, Send)]
    assert result.id == JOB_ID
    assert len(sends) == 4
    assert len({step.headers["Idempotency-Key"] for step in sends}) == 1


def test_pauses_grow_with_jitter_up_to_a_ceiling() -> None:
    answers: list[Answer] = [httpx.ConnectError("refused")] * 9

    _, steps = play(Operations(3600).get(JOB_ID), [*answers, ok(job())])

    pauses = [step.seconds for step in steps if isinstance(step, Pause)]
    limits = [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5]
    assert all(limit / 2 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))


def test_the_server_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    asked = httpx.Response(503, headers={"Retry-After": "86400"})

    _, steps = play(Operations(3600).get(JOB_ID), [asked, ok(job())])

    (pause,) = [step.seconds for step in steps if isinstance(step, Pause)]
    assert LONGEST_PAUSE_SECONDS / 2 <= pause <= LONGEST_PAUSE_SECONDS


def test_without_time_for_retries_there_is_one_try() -> None:
    with pytest.raises(UnavailableError, match="does not answer after 1 try: refused") as caught:
        play(Operations(0).get(JOB_ID), [httpx.ConnectError("refused", request=httpx.Request("GET", "http://a/b"))])

    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with pytest.raises(Exception, match="because of no"):
        play(Operations(60).submit(REQUEST, {}, None), [problem(status, "no")])


def test_a_wait_tells_changes_and_ends_with_the_job() -> None:
    states = ["queued", "queued", "rendering", "succeeded"]
    answers = [ok(job(state=state, is_terminal=state == "succeeded")) for state in states]
    told: list[RenderState] = []

    result, steps = play(Operations(0).wait(JOB_ID, 3600, lambda now: told.append(now.state)), answers)

    assert result.state is RenderState.SUCCEEDED
    assert told == ["queued", "rendering", "succeeded"]
    assert sum(isinstance(step, Pause) for step in steps) == 3


@pytest.mark.parametrize("state", ["failed", "moderated", "timed_out", "cancelled", "expired", "lost"])
def test_a_job_without_a_video_ends_its_wait_with_an_error(state: str) -> None:
    failure = {"class": "input", "code": "InvalidParameter", "message": "the prompt is empty"}

    with pytest.raises(RenderJobError, match=r"InvalidParameter.*the prompt is empty") as caught:
        play(Operations(0).wait(JOB_ID, 3600, None), [ok(job(state=state, is_terminal=True, failure=failure))])

    assert (caught.value.job_id, caught.value.state) == (JOB_ID, state)


def test_a_wait_ends_at_its_timeout_and_says_that_the_job_goes_on() -> None:
    with pytest.raises(WaitTimeoutError, match="it goes on"):
        play(Operations(0).wait(JOB_ID, 0, None), [ok(job())])


def test_a_wait_bears_a_server_that_restarts() -> None:
    done = ok(job(state="succeeded", is_terminal=True))

    result, _ = play(
        Operations(0).wait(JOB_ID, 3600, None), [httpx.ConnectError("refused"), problem(503, "down"), done]
    )

    assert result.state == "succeeded"


def ok(body: dict[str, Any]) -> httpx.Response:
    """A success."""
    return httpx.Response(200, json=body)


def play(steps: Steps[Any], answers: Iterable[Answer]) -> tuple[Any, list[Step]]:
    """The operation's result and its steps, given the answers to its requests in turn."""
    script: Iterator[Answer] = iter(answers)
    taken: list[Step] = []
    try:
        step = next(steps)
        while True:
            taken.append(step)
            answer = None if isinstance(step, Pause) else next(script)
            if isinstance(answer, httpx.TransportError):
                step = steps.throw(answer)
            else:
                if answer is not None:
                    answer.request = httpx.Request("GET", "http://reelqueue.test/")
                step = steps.send(answer)
    except StopIteration as stop:
        return stop.value, taken
