"""The client against real sockets that misbehave: one request each, and an end to every wait."""

from __future__ import annotations

import json

import pytest

from tests.conftest import free_port
from tests.support.loopback import Behaviour, hangs_up, says, says_nothing, serving, trickles
from tests.workers.dashscope.calls import SHORT, build_request, call, query, submit
from workers.dashscope import MisdirectedError, NoAnswerError, NotSentError

ACCEPTED = json.dumps({"output": {"task_id": "task-1", "task_status": "PENDING"}}).encode()
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_a_submit_over_a_real_socket() -> None:
    with serving(says("200 OK", ACCEPTED)) as server:
        assert submit(server.url).provider_task_id == "task-1"

    assert server.requests[0].startswith(b"POST /api/v1/services/aigc/video-generation/video-synthesis HTTP/1.1\r\n")


def test_what_the_last_look_forbids_is_not_sent() -> None:
    def too_late() -> None:
        raise NotSentError("it is too late")

    built = build_request()
    with serving(says("200 OK", ACCEPTED)) as server, pytest.raises(NotSentError, match="too late"):
        call(lambda client: client.submit(built, limit_seconds=5, last_look=too_late), server.url)

    assert server.requests == []


def test_the_last_look_is_when_the_connection_is_there() -> None:
    built, seen = build_request(), []
    with serving(says("200 OK", ACCEPTED)) as server:
        call(
            lambda client: client.submit(built, limit_seconds=5, last_look=lambda: seen.append(len(server.requests))),
            server.url,
        )

    assert seen == [0]


def test_nobody_listens() -> None:
    with pytest.raises(NotSentError, match="cannot be reached"):
        submit(f"http://127.0.0.1:{free_port()}")


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(NotSentError):
        submit("http://no-such-host.invalid")


def test_tls_to_a_server_that_speaks_none() -> None:
    with serving(hangs_up) as server, pytest.raises(NotSentError):
        submit(server.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs_up,  # accepted, then dropped
        lambda connection: connection.sendall(b"HTTP/1.1 200 "),  # died within the first line
        lambda connection: connection.sendall(SUCCESS + b"Content-Length: 99\r\n\r\n" + ACCEPTED[:10]),
        lambda connection: connection.sendall(SUCCESS + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
        lambda connection: connection.sendall(b"220 smtp.example ESMTP\r\n"),
        says("302 Found", b"", Location="https://xn--/"),  # httpx reads where it does not go
        says("200 OK", b"no gzip at all", Content_Encoding="gzip"),
        says("200 OK", b'{"pad": "' + b"x" * 2_000_000, Content_Length="99999999999"),
    ],
)
def test_an_answer_that_breaks_off_is_ambiguous(behaviour: Behaviour) -> None:
    with serving(behaviour) as server, pytest.raises(NoAnswerError):
        submit(server.url)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        says_nothing,
        trickles(SUCCESS + b"\r\n"),  # a byte of body at a time
        trickles(SUCCESS + b"X-Padding: ", b"x"),  # a byte of header at a time
        trickles(b"", b"H"),
    ],
)
def test_a_slow_answer_ends_at_the_limit_of_the_whole(behaviour: Behaviour) -> None:
    with serving(behaviour) as server, pytest.raises(NoAnswerError, match="TimeoutError"):
        submit(server.url, limit_seconds=0.2)

    assert len(server.requests) == 1


def test_a_slow_query_ends_too() -> None:
    with serving(says_nothing) as server, pytest.raises(NoAnswerError):
        query(server.url, limits=SHORT)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with (
        serving(says("200 OK", ACCEPTED)) as elsewhere,
        serving(says(status, b"", Location=elsewhere.url)) as server,
        pytest.raises(MisdirectedError, match=r"answers HTTP 30., a redirect to 127\.0\.0\.1$"),
    ):
        submit(server.url)

    assert elsewhere.requests == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["sk-canary\n7d1f", "sk-canary\x007d1f", "sk-canary é"])
def test_a_key_that_no_header_carries_is_not_sent_and_not_quoted(key: str) -> None:
    with serving(says("200 OK", ACCEPTED)) as server, pytest.raises(NotSentError) as caught:
        submit(server.url, key=key)

    assert "canary" not in str(caught.value)
    assert server.requests == []


def test_each_submit_has_a_connection_of_its_own() -> None:
    with serving(says("200 OK", ACCEPTED, Connection="keep-alive")) as server:
        submit(server.url)
        submit(server.url)

    assert len(server.requests) == 2
