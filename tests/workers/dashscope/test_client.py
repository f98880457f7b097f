"""What the client sends, and what it makes of answers that come whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from tests.support.scripted_provider import Answer, ScriptedProvider, accepted, answer, refused, task
from tests.workers.dashscope.calls import KEY, call, query, submit
from workers.dashscope import (
    MisdirectedError,
    NoAnswerError,
    NotSentError,
    ProviderError,
    RefusedError,
    ServerFaultError,
    TaskList,
)

HTML = Answer(200, b"<html><body>It works!</body></html>")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def page(*task_ids: str, total_page: int = 1, **columns: object) -> Answer:
    """A page of the task list."""
    rows = [{"task_id": task_id, "status": "RUNNING"} for task_id in task_ids]
    return answer(200, {"total_page": total_page, "data": rows, **columns})


def list_tasks(provider: ScriptedProvider) -> TaskList:
    """Read the list."""
    return call(lambda client: client.list_tasks(model="wan2.6-t2v", since=NOON, until=NOON), provider)


def test_a_submit_is_the_documented_request(provider: ScriptedProvider) -> None:
    submit(provider)

    (request,) = provider.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/services/aigc/video-generation/video-synthesis")
    assert json.loads(request.content) == {
        "model": "wan2.6-t2v",
        "input": {"prompt": "a paper boat"},
        "parameters": {"size": "1280*720"},
    }
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["X-DashScope-Async"] == "enable"
    assert request.headers["Content-Type"] == "application/json"


def test_headers_of_the_request_win_over_the_accounts_and_ours_over_both(provider: ScriptedProvider) -> None:
    theirs = {
        "X-DashScope-WorkSpace": "account",
        "X-DashScope-DataInspection": "account",
        "x-dashscope-async": "disable",
    }

    submit(provider, account_headers=theirs, headers={"X-DashScope-DataInspection": "request"})

    sent = provider.requests[0].headers
    assert sent["X-DashScope-WorkSpace"] == "account"
    assert sent["X-DashScope-DataInspection"] == "request"
    assert sent.get_list("X-DashScope-Async") == ["enable"]


def test_the_accounts_headers_never_replace_the_key(provider: ScriptedProvider) -> None:
    submit(provider, account_headers={"authorization": "Bearer other"})

    assert provider.requests[0].headers.get_list("Authorization") == [f"Bearer {KEY}"]


def test_an_acceptance_is_the_task_id(provider: ScriptedProvider) -> None:
    provider.on_submit(accepted("0385dc79", "PENDING"))

    assert submit(provider).provider_task_id == "0385dc79"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (refused(400, "InvalidParameter"), RefusedError),
        (refused(401, "InvalidApiKey"), RefusedError),
        (refused(429, "Throttling.RateQuota"), RefusedError),
        (answer(400, {"error": {"code": "invalid_api_key", "message": "m"}}), RefusedError),  # the other envelope
        (Answer(429, b"slow down"), RefusedError),  # the gateway's own; documented to create nothing
        (answer(429, {"message": "slow down"}), RefusedError),
        (Answer(413, b"<html>too large</html>"), RefusedError),
        (answer(413, {"message": "too large"}), RefusedError),
        (refused(500, "InternalError"), ServerFaultError),  # it may have created a task first
        (refused(503, "ServiceUnavailable"), ServerFaultError),
        (Answer(502, b"<html>Bad Gateway</html>"), ServerFaultError),
        (Answer(504, b""), ServerFaultError),
        (HTML, NoAnswerError),
        (Answer(200, b""), NoAnswerError),
        (Answer(204, b""), NoAnswerError),
        (answer(200, {"output": {}}), NoAnswerError),
        (refused(200, "InvalidApiKey"), NoAnswerError),  # an error that claims success: nobody knows
        (accepted("../x"), NoAnswerError),
        (accepted(""), NoAnswerError),
        (accepted("x" * 200), NoAnswerError),
        (Answer(200, b'{"output": {"task_id": "a", "task_id": "b"}}'), NoAnswerError),
        (Answer(200, b'{"a":' * 50_000), NoAnswerError),
        (Answer(200, b'{"a": "' + b"x" * 2_000_000 + b'"}'), NoAnswerError),  # nobody reads 2 MB
        # Something else answered, before the provider.
        (Answer(404, b"<html>not here</html>"), MisdirectedError),
        (Answer(301, b""), MisdirectedError),
        (answer(302, {"Location": "/elsewhere"}), MisdirectedError),
        (answer(404, {"message": "no route"}), MisdirectedError),  # no code: not the provider's own words
        (refused(404, "NotFound"), MisdirectedError),  # its own, of a path that it does not have
        (refused(405, "MethodNotAllowed"), MisdirectedError),
        (Answer(405, b""), MisdirectedError),
        (Answer(407, b"<html>sign in</html>"), MisdirectedError),
        (Answer(400, b"<html>Bad Request</html>"), MisdirectedError),
        (Answer(403, b"<html>blocked by policy</html>"), MisdirectedError),
        (Answer(401, b'event: error\ndata: {"code": "x"}\n\n'), MisdirectedError),
        (answer(403, {"error": "forbidden"}), MisdirectedError),
        # A proxy may say these of a request that it has passed on.
        (Answer(408, b""), NoAnswerError),
        (Answer(409, b"<html>conflict</html>"), NoAnswerError),
        (Answer(425, b""), NoAnswerError),
        (Answer(200, b'data: {"output": {"task_id": "a"}}\n\n'), NoAnswerError),
    ],
)
def test_what_is_known_after_a_submit(provider: ScriptedProvider, said: Answer, kind: type[ProviderError]) -> None:
    provider.on_submit(said)

    with pytest.raises(ProviderError) as caught:
        submit(provider)

    assert type(caught.value) is kind
    assert caught.value.http_status == said.status
    assert provider.count("submit") == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), NotSentError),
        (httpx.ConnectTimeout("no route"), NotSentError),
        (httpx.PoolTimeout("no connection"), NotSentError),
        (httpx.ProxyError("407"), NotSentError),
        (httpx.UnsupportedProtocol("gopher"), NotSentError),
        (httpx.LocalProtocolError("illegal header"), NotSentError),
        (httpx.WriteError("broken pipe"), NoAnswerError),  # some bytes may have left
        (httpx.WriteTimeout("slow"), NoAnswerError),
        (httpx.ReadError("reset"), NoAnswerError),
        (httpx.ReadTimeout("silence"), NoAnswerError),
        (httpx.CloseError("close"), NoAnswerError),
        (httpx.RemoteProtocolError("eof"), NoAnswerError),
        (httpx.DecodingError("bad gzip"), NoAnswerError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_known_after_a_failed_transport(
    provider: ScriptedProvider, failure: Exception, kind: type[ProviderError]
) -> None:
    provider.on_submit(failure)

    with pytest.raises(ProviderError) as caught:
        submit(provider)

    assert type(caught.value) is kind
    assert caught.value.__cause__ is failure
    assert provider.count("submit") == 1


def test_a_refusal_carries_what_the_provider_said(provider: ScriptedProvider) -> None:
    provider.on_submit(refused(400, "Arrearage", "Access denied, please make sure your account is in good standing."))

    with pytest.raises(RefusedError, match=r"good standing\. \(400, Arrearage, request request-refused\)") as caught:
        submit(provider)

    assert (caught.value.code, caught.value.request_id) == ("Arrearage", "request-refused")


def test_an_acceptance_without_an_id_keeps_the_request_id(provider: ScriptedProvider) -> None:
    provider.on_submit(answer(200, {"output": {"task_id": ""}, "request_id": "4909100c"}))

    with pytest.raises(NoAnswerError) as caught:
        submit(provider)

    assert caught.value.request_id == "4909100c"


def test_a_query_asks_for_the_task(provider: ScriptedProvider) -> None:
    provider.on_query(task("RUNNING", submit_time="2026-11-23 20:00:00.000"))

    assert query(provider).status == "RUNNING"
    assert provider.requests[0].url.path == "/api/v1/tasks/task-1"
    assert "X-DashScope-Async" not in provider.requests[0].headers


@pytest.mark.parametrize("said", [HTML, answer(200, {"output": {}}), answer(200, {"code": "x", "message": "m"})])
def test_a_query_without_a_status_says_nothing(provider: ScriptedProvider, said: Answer) -> None:
    provider.on_query(said)

    with pytest.raises(NoAnswerError):
        query(provider)


def test_a_cancel_of_a_running_task_is_refused(provider: ScriptedProvider) -> None:
    provider.on_cancel(refused(400, "UnsupportedOperation", "Failed to cancel the task"))

    with pytest.raises(RefusedError):
        call(lambda client: client.cancel("task-1"), provider)
    assert provider.requests[0].url.path == "/api/v1/tasks/task-1/cancel"


def test_a_listing_reads_every_page(provider: ScriptedProvider) -> None:
    provider.on_list(page("task-1", total=2, total_page=2), page("task-2", total=2, total_page=2))

    listed = list_tasks(provider)

    assert [row.provider_task_id for row in listed.tasks] == ["task-1", "task-2"]
    assert listed.flaw is None
    assert [request.url.params["page_no"] for request in provider.requests] == ["1", "2"]
    assert provider.requests[0].url.params["start_time"] == "20261123200000"


WHOLE = {
    "a service that caps the page": [
        page("a", "b", total=3, total_page=2, page_size=2),
        page("c", total=3, total_page=2, page_size=2),
    ],
    "doubled rows": [page("a", "a", "b", "b", total=2, page_size=100)],
    "no task, on one page": [page(total=0, page_size=100)],
    "no task, on no page": [page(total=0, total_page=0, page_size=100)],
    "no page size": [page("a", total=1, page_size=None)],
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_listing_whose_rows_total_and_pages_agree_is_whole(provider: ScriptedProvider, name: str) -> None:
    provider.on_list(*WHOLE[name])

    assert list_tasks(provider).flaw is None


FLAWED = {
    "rows cut": ([page("a", "b", total=7)], "shows 2 of 7 tasks"),
    "rows cut to the asked page": ([page("a", total=7, page_size=100)], "shows 1 of 7 tasks"),
    "no rows": ([page(total=3)], "shows 0 of 3 tasks"),
    "too many rows": ([page("a", "b", total=1)], "shows 2 of 1 tasks"),
    "no total": ([page("a", total=None)], "does not say"),
    "a total that is no number": ([page("a", total="1")], "does not say"),
    "a task came meanwhile": ([page("a", total=2, total_page=2), page("b", total=3, total_page=2)], "changed"),
    "a page came meanwhile": ([page("a", total=2, total_page=2), page("b", total=2, total_page=3)], "changed"),
    "the page size changed": (
        [page("a", total=2, total_page=2, page_size=1), page("b", total=2, total_page=2, page_size=2)],
        "changed",
    ),
    "rows moved to the next page": ([page("a", total=2, total_page=2), page("a", total=2, total_page=2)], "1 of 2"),
    "too few pages": ([page("a", "b", "c", total=3, total_page=1, page_size=2)], "1 pages of 2 for 3 tasks"),
    "too many pages": ([page("a", total=1, total_page=2, page_size=2)], "2 pages of 2 for 1 tasks"),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_listing_that_may_miss_tasks_says_why(provider: ScriptedProvider, name: str) -> None:
    pages, flaw = FLAWED[name]
    provider.on_list(*pages)

    assert flaw in str(list_tasks(provider).flaw)


@pytest.mark.parametrize(
    "page",
    [
        answer(200, {"data": []}),  # says not how many pages there are
        answer(200, {"total_page": 51, "data": []}),  # would never end
        answer(200, {"total_page": 1, "data": [{"task_id": "../x"}]}),
        refused(429, "Throttling.RateQuota"),
    ],
)
def test_a_listing_that_cannot_be_read_is_none(provider: ScriptedProvider, page: Answer) -> None:
    provider.on_list(page)

    with pytest.raises(ProviderError):
        list_tasks(provider)
