"""Requests over the broker: stored once per key, or refused whole with the reason."""

from __future__ import annotations

import json

import pytest

from reelqueue.errors import ConflictError, InvalidRequestError
from reelqueue.states import RenderState
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from workers.intake import take_in, take_in_text
from workers.runtime.context import Context

REQUEST = {"model": "wan2.6-t2v", "prompt": "a paper boat"}


def test_a_request_is_stored_and_hinted_at(context: Context, rows: Rows, hints: RecordedHints) -> None:
    stored = take_in(context, REQUEST, "order-1")

    assert stored.is_new
    assert rows.state(stored.job_id) is RenderState.QUEUED
    assert hints.dispatches == 1


def test_a_message_that_comes_again_is_the_same_job(context: Context, rows: Rows) -> None:
    first = take_in(context, REQUEST, "order-1")

    again = take_in(context, REQUEST, "order-1")

    assert (again.job_id, again.is_new) == (first.job_id, False)
    assert rows.path(first.job_id) == ["queued"]


def test_a_key_with_another_request_is_refused(context: Context) -> None:
    take_in(context, REQUEST, "order-1")

    with pytest.raises(ConflictError) as caught:
        take_in(context, REQUEST | {"seed": 1}, "order-1")

    # What a sender sees that has nothing of ours: Celery sends the arguments as JSON.
    assert json.loads(json.dumps(caught.value.args))[:2] == [409, "idempotency_key_reused"]
    assert "idempotency key 'order-1' belongs to render job" in caught.value.args[2]


@pytest.mark.parametrize(
    ("given", "missing"), [((REQUEST, None), "idempotency_key"), ((None, "k"), "request"), ((None, None), "request")]
)
def test_what_a_message_lacks_is_named(context: Context, given: tuple[object, object], missing: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{missing}: intake.enqueue needs the keyword arguments request"):
        take_in(context, *given)


@pytest.mark.parametrize(
    ("request_object", "idempotency_key"),
    [
        ("a paper boat", "k"),
        (None, "k"),
        ([REQUEST], "k"),
        ({}, "k"),
        ({"model": 7}, "k"),
        (REQUEST | {"duration": 99}, "k"),
        (REQUEST | {"promptt": "x"}, "k"),
        (REQUEST | {"image": "/etc/passwd"}, "k"),  # a server never reads its own files for a stranger
        (REQUEST | {"headers": {"Authorization": "Bearer x"}}, "k"),
        (REQUEST, None),  # without a key, a message that comes again would be bought again
        (REQUEST, ""),
        (REQUEST, 7),
        (REQUEST, ["k"]),
        (REQUEST, "k" * 300),  # longer than any index takes
        (REQUEST, "k\x00"),
        (REQUEST, "k\ud800"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_reason(
    context: Context, hints: RecordedHints, request_object: object, idempotency_key: object
) -> None:
    with pytest.raises(InvalidRequestError):
        take_in(context, request_object, idempotency_key)

    assert hints.dispatches == 0


QUESTION = {"model": "qwen-plus", "prompt": "Name a paper boat.", "max_cost": "0.05 USD"}


def test_a_question_is_stored_once_and_hinted_at(context: Context, hints: RecordedHints) -> None:
    first = take_in_text(context, QUESTION, "order-1")

    again = take_in_text(context, QUESTION, "order-1")

    assert (first.is_new, again.is_new, again.job_id) == (True, False, first.job_id)
    assert {hint.job_id for hint in hints.texts} == {first.job_id}


def test_a_key_with_another_question_is_refused(context: Context) -> None:
    take_in_text(context, QUESTION, "order-1")

    with pytest.raises(ConflictError, match="belongs to text job"):
        take_in_text(context, QUESTION | {"seed": 1}, "order-1")


@pytest.mark.parametrize(
    ("request_object", "key"),
    [
        (None, "k"),
        ("a boat?", "k"),
        (QUESTION, None),
        (QUESTION | {"temperature": 2}, "k"),
        (QUESTION | {"max_cost": "0.000001 USD"}, "k"),
        (QUESTION | {"headers": {"Authorization": "Bearer x"}}, "k"),
        (QUESTION | {"custom_id": "a\x00"}, "k"),
    ],
)
def test_a_question_that_cannot_be_stored_is_refused(
    context: Context, hints: RecordedHints, request_object: object, key: object
) -> None:
    with pytest.raises(InvalidRequestError):
        take_in_text(context, request_object, key)

    assert hints.texts == []
