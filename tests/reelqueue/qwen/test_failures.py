"""How calls fail, and what each failure says about its bill."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from reelqueue.qwen import (
    TextError,
    TextFailedError,
    TextGivenUpError,
    TextIncompleteError,
    TextMaybeBilledError,
    TextNoAnswerError,
    TextNotSentError,
    TextRefusedError,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.qwen.answers import assembly, exchange
from reelqueue.qwen.answers.exchange import Exchange
from reelqueue.qwen.client._reading import check_can_stream
from reelqueue.states import FailureClass
from tests.reelqueue.qwen.conftest import HELLO, STREAM, USAGE, World, chunk, events, streamed, whole
from tests.support.loopback import Behaviour, hangs_up, says, says_nothing, serving

ASK = {"model": "qwen-plus", "prompt": "Hi"}
INSPECTION = "Output data may contain inappropriate content."
USED = chunk(usage=USAGE)


def failure(world: World, *answers: Any, stream: bool = True, **settings: Any) -> TextError:
    """What a call ends with; it was sent once."""
    with pytest.raises(TextError) as failed:
        world.run(world.client(*answers, **settings).ask(ASK, stream=stream))
    assert len(world.requests) == 1
    return failed.value


@pytest.mark.parametrize(
    ("chunks", "kind", "code"),
    [
        ([{"error": {"message": INSPECTION, "code": "DataInspectionFailed"}}], "moderation", "DataInspectionFailed"),
        ([{"code": "DataInspectionFailed", "message": INSPECTION}, "[DONE]"], "moderation", "DataInspectionFailed"),
        ([chunk({"content": "Throttling: TPM(1/2)"}, "error_finish")], "throttle", None),
        ([chunk({}, "content_filter")], "moderation", "content_filter"),
        ([{"error": {"message": "Throttling: TPM(1/2)", "type": "Throttling", "code": "429"}}], "throttle", "429"),
    ],
    ids=["nested", "flat", "as text", "filter", "by its type"],
)  # fmt: skip
def test_a_failure_inside_a_stream_keeps_what_came_before(
    world: World, chunks: list[Any], kind: str, code: str | None
) -> None:
    error = failure(world, streamed(*HELLO[:4], USED, *chunks))

    assert isinstance(error, TextFailedError)
    assert (error.failure, error.code, error.request_id) == (kind, code, "r-1")
    assert error.partial
    assert (error.partial.text, error.partial.reasoning) == ("Hello", "Hm")
    assert error.partial.usage
    assert error.partial.finish_reason is None


def test_an_event_named_error_is_a_failure(world: World) -> None:
    flat = b'id:1\nevent:error\n:HTTP_STATUS/429\ndata:{"code":"Throttling.RateQuota","message":"slow down"}\n\n'

    error = failure(world, streamed(content=events(*HELLO[:4]) + flat))

    assert isinstance(error, TextFailedError)
    assert error.failure is FailureClass.THROTTLE


@pytest.mark.parametrize("ending", [[], ["[DONE]"], [chunk({}, "other")], [USED, "[DONE]"]])
def test_a_stream_without_an_end_is_incomplete(world: World, ending: list[Any]) -> None:
    error = failure(world, streamed(*HELLO[:4], *ending))

    assert isinstance(error, TextIncompleteError)
    assert error.partial
    assert error.partial.text == "Hello"
    assert error.partial.cost


def test_an_empty_stream_is_incomplete(world: World) -> None:
    assert isinstance(failure(world, streamed()), TextIncompleteError)


def test_an_answer_cut_by_the_service_is_incomplete(world: World) -> None:
    cut = whole("Half", None)
    cut.headers["x-dashscope-partialresponse"] = "true"

    error = failure(world, cut, stream=False)

    assert isinstance(error, TextIncompleteError)
    assert "took it too long" in error.message
    assert error.partial
    assert error.partial.text == "Half"


@pytest.mark.parametrize(
    ("content", "media_type"), [(b"<html>sign in</html>", "text/html"), (b"", ""), (b"{}", "application/json")]
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_no_answer_is_never_one(world: World, *, content: bytes, media_type: str, stream: bool) -> None:
    reply = httpx.Response(200, content=content, headers={"content-type": media_type})

    error = failure(world, reply, stream=stream)

    assert isinstance(error, TextUnreadableError | TextIncompleteError)
    assert isinstance(error, TextMaybeBilledError)


def test_a_whole_answer_in_place_of_a_stream_keeps_what_was_paid_for(world: World) -> None:
    error = failure(world, whole())

    assert isinstance(error, TextUnreadableError)
    assert error.partial
    assert error.partial.text == "Hello"
    assert error.partial.usage


def test_an_error_in_place_of_a_stream_is_that_error(world: World) -> None:
    reply = httpx.Response(200, json={"code": "Arrearage", "message": "no money", "request_id": "r-2"})

    error = failure(world, reply)

    assert (error.failure, error.code, error.request_id) == ("account", "Arrearage", "r-2")


def test_a_chunk_that_is_no_json_ends_the_answer(world: World) -> None:
    error = failure(world, streamed(*HELLO[:4], '{"choices": ['))

    assert isinstance(error, TextUnreadableError)
    assert error.partial
    assert error.partial.text == "Hello"


REFUSALS = [
    (400, "invalid_parameter_error", "Range of input length should be [1, 9]", "input", TextRefusedError),
    (400, "InvalidParameter.DataInspection", "the file cannot be fetched", "input", TextRefusedError),
    (400, "data_inspection_failed", "Input data may contain inappropriate content.", "moderation", TextRefusedError),
    (
        400,
        "invalid_parameter_error",
        "<400> InternalError.Algo.DataInspectionFailed: no",
        "moderation",
        TextRefusedError,
    ),
    (400, "Arrearage", "no money", "account", TextRefusedError),
    (401, "invalid_api_key", "wrong", "account", TextRefusedError),
    (403, "AccessDenied.Unpurchased", "no", "account", TextRefusedError),
    (404, "model_not_found", "no", "input", TextRefusedError),
    (429, "limit_requests", "slow", "throttle", TextRefusedError),
    (429, "insufficient_quota", "tokens", "throttle", TextRefusedError),
    (429, "insufficient_quota", "Free allocated quota exceeded.", "account", TextRefusedError),
    (429, "PostpaidBillOverdue", "pay", "account", TextRefusedError),
    (500, "internal_error", "theirs", "provider", TextServerError),
    (500, "RequestTimeOut", "late", "provider", TextServerError),
    (503, "ModelServingError", "busy", "throttle", TextServerError),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "error_type"), REFUSALS)
@pytest.mark.parametrize("is_nested", [True, False])
def test_a_refusal_says_why_and_whether_it_may_be_billed(
    world: World, *, status: int, code: str, message: str, kind: str, error_type: type[TextError], is_nested: bool
) -> None:
    told = {"code": code, "message": message, "type": code}
    document = {"error": told, "request_id": "r-2"} if is_nested else told | {"request_id": "r-2"}

    error = failure(world, httpx.Response(status, json=document))

    assert type(error) is error_type
    assert (error.http_status, error.code, error.failure, error.request_id) == (status, code, kind, "r-2")
    assert message in str(error)
    assert error.partial is None


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(302, TextRefusedError), (404, TextRefusedError), (408, TextServerError), (502, TextServerError)],
)
def test_pages_of_gateways_are_told_apart(world: World, status: int, error_type: type[TextError]) -> None:
    reply = httpx.Response(status, content=b"<html>", headers={"location": "http://elsewhere.test/"})

    assert type(failure(world, reply)) is error_type


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_a_success_that_is_none_may_be_billed(world: World, status: int) -> None:
    assert isinstance(failure(world, httpx.Response(status), stream=False), TextMaybeBilledError)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("1849295", 60), ("soon", None)])
def test_a_wait_is_honoured_up_to_a_minute(world: World, header: str, seconds: float | None) -> None:
    reply = httpx.Response(
        429, json={"error": {"code": "limit_requests", "message": "slow"}}, headers={"retry-after": header}
    )

    assert failure(world, reply).retry_after_seconds == seconds


def test_used_up_tokens_are_waited_for(world: World) -> None:
    reply = httpx.Response(429, json={"error": {"code": "insufficient_quota", "message": "tokens"}})

    assert failure(world, reply).retry_after_seconds == 60


@pytest.mark.parametrize(
    ("cause", "error_type"),
    [
        (httpx.ConnectError("refused"), TextNotSentError),
        (httpx.ConnectTimeout("slow"), TextNotSentError),
        (httpx.ReadTimeout("silent"), TextNoAnswerError),
        (httpx.WriteError("reset"), TextNoAnswerError),
        (httpx.RemoteProtocolError("closed"), TextNoAnswerError),
        (ConnectionResetError("reset"), TextNoAnswerError),
    ],
)
def test_a_lost_connection_is_told_by_whether_bytes_left(
    world: World, cause: Exception, error_type: type[TextError]
) -> None:
    error = failure(world, cause)

    assert type(error) is error_type
    assert error.__cause__ is cause


def sent(content: bytes, error: Exception | None = None, media_type: str = STREAM) -> Any:  # noqa: ANN401
    """An answer that arrives byte after byte, and perhaps breaks."""

    class Sent(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (content[:50], content[50:])
            if error:
                raise error

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for each in self:
                yield each

    return lambda _request: httpx.Response(200, stream=Sent(), headers={"content-type": media_type})


def breaking(*chunks: Any) -> Any:  # noqa: ANN401
    """A stream whose connection is lost after *chunks*."""
    return sent(events(*chunks), httpx.ReadError("lost"))


def test_a_stream_that_breaks_keeps_what_came(world: World) -> None:
    error = failure(world, breaking(*HELLO[:4]))

    assert isinstance(error, TextNoAnswerError)
    assert error.partial
    assert error.partial.text == "Hello"


def test_an_answer_that_had_ended_survives_its_connection(world: World) -> None:
    answer = world.run(world.client(breaking(*HELLO[:5])).ask(ASK, stream=True))

    assert (answer.text, answer.finish_reason, answer.usage) == ("Hello", "stop", None)
    assert answer.cost.is_estimate


def test_an_answer_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "STREAM_BYTES_MAX", 100)
    assert isinstance(failure(world, sent(events(*HELLO))), TextUnreadableError)


def test_a_whole_answer_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "WHOLE_BYTES_MAX", 100)
    assert isinstance(failure(world, sent(whole().content), stream=False), TextUnreadableError)


def test_text_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "CHARACTERS_MAX", 6)
    error = failure(world, streamed(*HELLO))
    assert isinstance(error, TextUnreadableError)
    assert error.partial
    assert error.partial.text == "Hel"


@pytest.mark.parametrize(("seconds", "words"), [(89.0, None), (91.0, "no event within 90 s")])
def test_comments_do_not_keep_a_stream_alive(world: World, seconds: float, words: str | None) -> None:
    clock = iter([0.0, 0.0, seconds])
    call = Exchange(
        world.client().build(ASK, stream=True), world.client()._settings.limits, None, monotonic=lambda: next(clock)
    )
    call.begin(200, {"content-type": STREAM})

    if words is None:
        assert call.count(b": still here\n") == b": still here\n"
        return
    with pytest.raises(TextNoAnswerError, match=words), call.reading():
        call.count(b": still here\n")


def test_a_stream_ends_in_time_however_busy_it_is(world: World) -> None:
    clock = iter([0.0, 599.0, 599.5, 599.9, 600.1])
    call = Exchange(
        world.client().build(ASK, stream=True), world.client()._settings.limits, None, monotonic=lambda: next(clock)
    )
    call.begin(200, {"content-type": STREAM})
    call.count(b"data: x")
    call.take('{"choices": []}')

    with pytest.raises(TextNoAnswerError, match="did not end within 600 s"), call.reading():
        call.count(b"data: x")


@pytest.mark.parametrize(
    "behaviour", [hangs_up, says_nothing, says("500 Oops", b""), says("302 Found", b"", Location="/")]
)
@pytest.mark.parametrize("stream", [True, False])
def test_one_post_a_call_whatever_comes_of_it(world: World, *, behaviour: Behaviour, stream: bool) -> None:
    with serving(behaviour) as server:
        client = world.connect(base_url=server.url, transport=None, limits={"idle": 0.2, "whole": 0.2})
        with pytest.raises(TextError):
            world.run(client.ask(ASK, stream=stream))

    assert len(server.requests) == 1
    assert server.requests[0].startswith(b"POST /chat/completions HTTP/1.1")


def test_a_last_look_keeps_a_request_from_leaving(world: World) -> None:
    class TooLateError(Exception):
        """The caller's time is over."""

    def look() -> None:
        raise TooLateError

    with serving(says("200 OK", whole().content)) as server:
        client = world.connect(base_url=server.url, transport=None)
        built = client.build(ASK)
        with pytest.raises(TooLateError):
            world.run(client.send(built, last_look=look))
        answer = world.run(world.run(client.send(built, last_look=lambda: None)).answer())

    assert answer.text == "Hello"
    assert len(server.requests) == 1


def test_no_error_quotes_the_key(world: World) -> None:
    key = "sk-0123456789abcdef"
    told = {"error": {"code": f"bad {key}", "message": f"Incorrect API key provided: {key}"}}

    error = failure(world, httpx.Response(401, json=told), api_key=key)

    assert key not in str(error)
    assert key not in repr(vars(error))
    assert "Incorrect API key provided: ***" in str(error)


def test_nothing_is_sent_where_nothing_listens(world: World) -> None:
    client = world.connect(base_url="http://127.0.0.1:9", transport=None)

    with pytest.raises(TextNotSentError, match=r"127\.0\.0\.1"):
        world.run(client.ask(ASK))


def test_a_stream_is_not_paid_for_where_it_cannot_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx_sse", None)
    client = world.client(streamed(*HELLO))

    with pytest.raises(Exception, match=r"reelqueue\[text\]"):
        world.run(client.ask(ASK, stream=True))

    assert world.requests == []
    with pytest.raises(Exception, match=r"reelqueue\[text\]"):
        check_can_stream()


@pytest.mark.parametrize(
    "kind",
    [
        TextNotSentError, TextRefusedError, TextServerError, TextNoAnswerError, TextFailedError, TextIncompleteError,
        TextUnreadableError, TextGivenUpError,
    ],
)  # fmt: skip
def test_errors_survive_being_pickled(kind: type[TextError]) -> None:
    error = kind("why", failure=FailureClass.THROTTLE, http_status=429, code="c", request_id="r", retry_after_seconds=5)

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours

    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == "why (429, c, request r)"
