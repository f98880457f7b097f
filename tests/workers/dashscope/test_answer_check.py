"""What is known about a call by its answer, beside its class: how long to wait, and who answered."""

from __future__ import annotations

import json

import pytest

from workers.dashscope import MisdirectedError, RefusedError
from workers.dashscope.answer_check import RawAnswer, check_answer

DATE = "Mon, 30 Nov 2026 12:00:00 GMT"  # 20:00 in Beijing


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "30"}, "slow down", 30),
        ({"retry-after": "1849295"}, "slow down", 1849295),  # seen of an exhausted plan
        ({"retry-after": "9" * 400}, "slow down", 31 * 86_400),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 GMT", "date": DATE}, "slow down", 60),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT", "date": DATE}, "slow down", 0),
        # A zone that is not known is UTC's in a header.
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 -0000", "date": DATE}, "slow down", 60),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 GMT", "date": DATE.replace("GMT", "-0000")}, "slow down", 60),
        ({"retry-after": "Mon, 30 Nov 2026 12:01:00 GMT"}, "slow down", None),  # by a clock that nobody knows
        ({"retry-after": "soon", "date": DATE}, "slow down", None),
        ({"retry-after": "-1"}, "slow down", None),
        ({"date": DATE}, "Your quota will reset at 2026-11-30 21:00:00.", 3600),  # without a zone: Beijing
        ({"date": DATE}, "Your quota will reset at 2026-11-30 13:00:00 +00:00.", 3600),
        ({"date": DATE}, "Your quota will reset at 2026-11-30T13:00:00Z", 3600),
        ({"date": DATE}, "Your quota will reset at midnight.", None),
        ({"date": DATE}, "Your quota will reset at 2026-13-45 21:00:00.", None),
        ({}, "Your quota will reset at 2026-11-30 21:00:00.", None),
        ({}, "slow down", None),
    ],
)
def test_a_refusal_says_how_long_to_wait(headers: dict[str, str], message: str, seconds: float | None) -> None:
    document = {"code": "Throttling.AllocationQuota", "message": message}

    with pytest.raises(RefusedError) as raised:
        check_answer(RawAnswer(429, headers, json.dumps(document).encode(), "dashscope.test"))

    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seen"),
    [
        (302, {"location": "https://login.example/?to=s3cret"}, "HTTP 302, a redirect to login.example"),
        (302, {"location": "/login"}, "HTTP 302"),
        (302, {"location": "https://[::1"}, "HTTP 302"),
        (404, {"content-type": "text/html; charset=utf-8"}, "HTTP 404 as text/html"),
        (403, {"content-type": "text/event-stream"}, "HTTP 403 as text/event-stream"),
        (405, {"content-type": "\x1b[2J"}, "HTTP 405"),
        (407, {}, "HTTP 407"),
    ],
)
def test_another_service_is_named_and_not_quoted(status: int, headers: dict[str, str], seen: str) -> None:
    with pytest.raises(MisdirectedError) as raised:
        check_answer(RawAnswer(status, headers, b"<html>s3cret</html>", "api.example"))

    assert str(raised.value.summary) == f"this host does not speak DashScope: api.example answers {seen}"
