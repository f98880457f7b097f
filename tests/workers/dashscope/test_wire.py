"""Answers as met in practice, good and bad, as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.dashscope.wire import (
    UnreadableError,
    format_time,
    parse_acceptance,
    parse_error,
    parse_http_date,
    parse_listing,
    parse_object,
    parse_task,
    parse_time,
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b'{"output": {"task_id": "a"}',  # cut off
        b'"task-1"',
        b"[]",
        b"null",
        b'{"output": {"task_id": "a", "task_id": "b"}}',  # which one was paid for?
        b'{"a":' * 100_000,  # deeper than any parser's stack
        b"[" * 100_000 + b"]" * 100_000,
        b"\xff\xfe{}",
        b'{"n": ' + b"9" * 5000 + b"}",  # longer than Python reads
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_readable_object_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse_object(body)


@pytest.mark.parametrize("task_id", ["0385dc79-5ff8-4d82-bcb6-7d1b6a1c3a10", "a", "A1_b-2", "x" * 128])
def test_a_task_id_is_taken(task_id: str) -> None:
    accepted = parse_acceptance({"output": {"task_id": task_id, "task_status": "PENDING"}, "request_id": "r"})

    assert (accepted.provider_task_id, accepted.status, accepted.request_id) == (task_id, "PENDING", "r")


@pytest.mark.parametrize(
    "task_id",
    [
        "",  # padded
        "../x",  # would become another path
        "a/b",
        "a?b",
        "a b",
        "a\n",
        "-a",
        "é",
        "x" * 129,
        "x" * 200,
        None,
        7,
        ["a"],
    ],
)
def test_a_garbled_task_id_is_no_task_id(task_id: object) -> None:
    with pytest.raises(UnreadableError):
        parse_acceptance({"output": {"task_id": task_id}})


@pytest.mark.parametrize("answer", [{}, {"output": None}, {"output": []}, {"output": "x"}, {"code": "Arrearage"}])
def test_an_answer_without_output_has_no_task(answer: dict[str, object]) -> None:
    with pytest.raises(UnreadableError):
        parse_acceptance(answer)
    with pytest.raises(UnreadableError):
        parse_task(answer)


def test_padding_with_empty_strings_means_absent() -> None:
    padded = {"task_status": "PENDING", "video_url": "", "code": "", "message": "", "actual_prompt": "", "end_time": ""}

    task = parse_task({"output": padded, "usage": {}, "request_id": ""})

    assert (task.result_url, task.code, task.message, task.actual_prompt) == (None, None, None, None)
    assert (task.ended_at, task.usage, task.request_id, task.billed_seconds) == (None, None, None, None)


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ({"duration": 5}, "5"),
        ({"duration": 10.04}, "10.04"),
        ({"duration": "5"}, "5"),  # strings are met on resold models
        ({"video_duration": 5, "video_count": 1}, "5"),  # up to wan2.5
        ({"duration": 13.24, "video_duration": 6.62}, "13.24"),  # input and output: what is billed
        ({"duration": ""}, None),
        ({"duration": "", "video_duration": 5}, "5"),
        ({"duration": None}, None),
        ({"duration": "NaN"}, None),
        ({"duration": "0." + "3" * 50_000}, "0.333"),
        ({"duration": "1e999999"}, None),  # finite to Python, too big for any database
        ({"duration": -1}, None),
        ({"duration": 0}, None),  # as long as nothing is measured
        ({"duration": 0, "video_duration": 5}, "5"),
        ({"duration": 0.0004}, None),
        ({"duration": [5]}, None),
        ({"duration": True}, None),
        ({}, None),
        ("five seconds", None),
    ],
)
def test_billed_seconds_are_read_leniently(usage: object, seconds: str | None) -> None:
    task = parse_task({"output": {"task_status": "SUCCEEDED", "video_url": "https://x/y"}, "usage": usage})

    assert task.billed_seconds == (None if seconds is None else Decimal(seconds))
    assert task.result_url == "https://x/y"


URL = "https://result.example/x.mp4?Expires=1796115600&Signature=a%3D"


@pytest.mark.parametrize(
    "output",
    [
        {"video_url": URL},
        {"results": {"video_url": URL}},
        {"results": {"url": URL}},
        {"results": [{"video_url": URL}]},
        {"results": [{"code": "InternalError"}, {"url": URL}]},  # of the parts of a task, one may have failed
        {"video_url": "", "results": {"video_url": URL}},
        {"video_url": None, "results": [{"url": URL}]},
        {"video_url": URL, "results": {"url": "https://result.example/poster.jpg"}},
        {"output_video_url": URL},
        {"url": URL},
    ],
)
def test_a_result_is_found_wherever_an_api_puts_it(output: dict[str, object]) -> None:
    assert parse_task({"output": {"task_status": "SUCCEEDED", **output}}).result_url == URL


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"video_url": ""},
        {"video_url": None},
        {"video_url": ["x"]},
        {"results": None},
        {"results": []},
        {"results": ["x", None, {}]},
        {"results": {"video_url": ""}},
        {"results": "x"},
    ],
)
def test_no_result_is_found_where_there_is_none(output: dict[str, object]) -> None:
    assert parse_task({"output": {"task_status": "SUCCEEDED", **output}}).result_url is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-15 17:38:24.817", datetime(2026, 10, 15, 9, 38, 24, 817_000, tzinfo=UTC)),  # without zone: Beijing
        ("2026-10-15 17:38:24", datetime(2026, 10, 15, 9, 38, 24, tzinfo=UTC)),
        ("2026-01-01 03:00:00", datetime(2025, 12, 31, 19, tzinfo=UTC)),
        ("2026-10-15T17:38:24Z", datetime(2026, 10, 15, 17, 38, 24, tzinfo=UTC)),  # a zone that is given counts
        ("2026-10-15T17:38:24+02:00", datetime(2026, 10, 15, 15, 38, 24, tzinfo=UTC)),
        ("0001-01-01 00:00:00", None),  # not a time in UTC
        ("9999-12-31 23:59:59-08:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_709_260_684_485, datetime(2024, 3, 1, 2, 38, 4, 485_000, tzinfo=UTC)),  # as the list writes them
        ("1709260684485", datetime(2024, 3, 1, 2, 38, 4, 485_000, tzinfo=UTC)),
        (10**30, None),
        ("Thu, 15 Oct 2026 17:38:24 GMT", datetime(2026, 10, 15, 17, 38, 24, tzinfo=UTC)),
        ("1970-01-01 08:00:00", None),  # what zeros and the ends of the calendar stand for
        ("9999-12-31 23:59:59", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        (0, None),
        ("0", None),
        (253_402_300_799_999, None),
        pytest.param("9" * 5000, None, id="digits"),  # more than Python reads as a number
    ],
)
def test_times_are_read_as_aware_utc(text: object, moment: datetime | None) -> None:
    assert parse_time(text) == moment


@given(text=st.text(alphabet="0123456789-+:., TZGMJanSu\x00é") | st.text())
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    for moment in (parse_time(text), parse_http_date(text)):
        assert moment is None or moment + timedelta(days=1)


def test_a_time_is_written_as_the_list_wants_it() -> None:
    assert format_time(datetime(2026, 12, 31, 20, 30, 15, tzinfo=UTC)) == "20270101043015"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"code": "InvalidApiKey", "message": "No API-key provided.", "request_id": "r"}, "InvalidApiKey"),
        ({"error": {"code": "invalid_api_key", "message": "m", "type": "t"}, "request_id": "r"}, "invalid_api_key"),
        ({"error": {"code": None, "type": "invalid_request_error", "message": "m"}}, "invalid_request_error"),
        ({"code": "", "message": ""}, None),
        ({"code": 400}, None),
        ({}, None),
    ],
)
def test_both_error_envelopes_are_read(answer: dict[str, object], code: str | None) -> None:
    read_code, message, request_id = parse_error(answer)

    assert read_code == code
    assert message
    assert request_id in {"r", None}


def test_text_that_no_database_stores_is_cleaned() -> None:
    task = parse_task({"output": {"task_status": "FAILED", "message": "a\x00b\ud800c"}, "usage": {"k\x00": "v\x00"}})

    assert task.message == "ab?c"
    assert "\x00" not in str(task.usage)


def test_a_number_that_is_none_does_not_lose_the_task() -> None:
    answer = parse_object(b'{"output": {"task_id": "t-1"}, "usage": {"duration": NaN, "SR": -Infinity}}')

    assert parse_acceptance(answer).provider_task_id == "t-1"


def test_of_usage_what_can_be_stored_is_kept() -> None:
    usage = {"duration": 5.5, "SR": "720", "audio": True, "ratio": "16:9", "cost": 1e999, "parts": [1], "more": {}}

    task = parse_task({"output": {"task_status": "SUCCEEDED"}, "usage": usage})

    assert task.usage == {"duration": 5.5, "SR": "720", "audio": True, "ratio": "16:9"}


def test_a_page_of_the_list() -> None:
    row = {"task_id": "t-1", "status": "RUNNING", "model_name": "wan2.6-t2v", "request_id": "r"}

    page = parse_listing({"data": [row], "total_page": 3, "total": 201, "page_size": 100})

    (task,) = page.tasks
    assert (task.provider_task_id, task.status, task.model, task.request_id) == tuple(row.values())
    assert (page.page_count, page.total, page.page_size) == (3, 201, 100)


@pytest.mark.parametrize("said", [None, "7", -1, True, 1.5])
def test_a_count_that_is_none_is_not_guessed(said: object) -> None:
    page = parse_listing({"data": [], "total_page": 1, "total": said, "page_size": said})

    assert (page.total, page.page_size) == (None, None)


@pytest.mark.parametrize(
    ("gmt_create", "created_at"),
    [
        (1709260684485, datetime(2024, 3, 1, 2, 38, 4, 485000, tzinfo=UTC)),
        (None, None),
        ("yesterday", None),
        (10**20, None),
    ],
)
def test_the_list_tells_when_a_task_was_made(gmt_create: object, created_at: datetime | None) -> None:
    page = parse_listing({"data": [{"task_id": "t-1", "gmt_create": gmt_create}], "total_page": 1})

    assert page.tasks[0].created_at == created_at


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": None, "total_page": 1},
        {"data": [], "total_page": None},  # an empty list would read like "no such task"
        {"data": [{"task_id": "../x"}], "total_page": 1},
        {"data": ["t-1"], "total_page": 1},
    ],
)
def test_a_page_that_cannot_be_trusted_is_no_page(answer: dict[str, object]) -> None:
    with pytest.raises(UnreadableError):
        parse_listing(answer)
