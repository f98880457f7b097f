"""Looking: a question whose answer is returned as it came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.jobs import Jobs
from tests.support.scripted_provider import ScriptedProvider, refused
from tests.workers.dashscope.calls import KEY, call
from workers.dashscope import NoAnswerError
from workers.dashscope.client import Exchange


def test_an_error_is_an_answer_like_any_other(provider: ScriptedProvider) -> None:
    provider.on_query(refused(404, "NotFound"))

    answer = call(lambda client: client.look("/api/v1/tasks/none"), provider)

    assert answer.status == 404
    assert b"NotFound" in answer.content


def test_no_answer_is_none(provider: ScriptedProvider) -> None:
    provider.on_query(TimeoutError("gone"))

    with pytest.raises(NoAnswerError):
        call(lambda client: client.look("/api/v1/tasks/none"), provider)


def test_a_listener_is_shown_the_paid_post_and_never_the_key(jobs: Jobs) -> None:
    heard: list[Exchange] = []
    jobs.context = replace(jobs.context, listener=heard.append)

    jobs.rendering()

    (post,) = (one for one in heard if one.method == "POST")
    assert post.path == "/api/v1/services/aigc/video-generation/video-synthesis"
    assert (post.answer.status, b"task_id" in post.answer.content) == (200, True)
    assert KEY not in repr(heard)
