"""Bodies that must not get far: each is refused as a problem, and nothing is stored."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.http.request_body import SMALL_BODY_BYTES, decode_object
from api.problem_details import ProblemError
from api.settings import ApiSettings
from models.render_job import RenderJob
from tests.api.conftest import problem, request, serving

DEEP = 50_000

MALFORMED = {
    "nothing": b"",
    "no JSON": b"prompt=a+boat",
    "cut off": b'{"model": "wan2.6-t2v"',
    "two values": b"{} {}",
    "no UTF-8": b'{"model": "wan2.6-t2v", "prompt": "\xff"}',
    "UTF-16": json.dumps(request()).encode("utf-16"),
    "a name twice": b'{"model": "wan2.6-t2v", "prompt": "a", "prompt": "b"}',
    "NaN": b'{"model": "wan2.6-t2v", "metadata": {"a": NaN}}',
    "a float beyond floats": b'{"model": "wan2.6-t2v", "metadata": {"a": 1e999}}',
    "an integer of 5000 digits": b'{"model": "wan2.6-t2v", "seed": ' + b"9" * 5000 + b"}",
}

REFUSED = {
    "an array": b"[]",
    "a number": b"1",
    "NUL in the prompt": rb'{"model": "wan2.6-t2v", "prompt": "a\u0000b"}',
    "NUL in a name of the metadata": rb'{"model": "wan2.6-t2v", "prompt": "a", "metadata": {"a\u0000": 1}}',
    "NUL in the model": rb'{"model": "wan2.6-t2v\u0000", "prompt": "a"}',
    "half a surrogate pair": rb'{"model": "wan2.6-t2v", "prompt": "\ud800"}',
    "half a surrogate pair, nested": rb'{"model": "wan2.6-t2v", "prompt": "a", "metadata": {"a": ["\udfff"]}}',
    "deep metadata": b'{"model": "wan2.6-t2v", "metadata": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "a seed beyond 64 bits": b'{"model": "wan2.6-t2v", "prompt": "a", "seed": 18446744073709551616}',
    "a priority beyond 32 bits": b'{"model": "wan2.6-t2v", "prompt": "a", "priority": 4294967296}',
    "no model": b'{"prompt": "a"}',
    "a model that is a list": b'{"model": ["wan2.6-t2v"], "prompt": "a"}',
    "a mode that is an object": b'{"model": "wan2.6-t2v", "mode": {}, "prompt": "a"}',
    "an unknown option": b'{"model": "wan2.6-t2v", "prompt": "a", "colour": "red"}',
    "a header of ours": b'{"model": "wan2.6-t2v", "prompt": "a", "headers": {"Authorization": "Bearer x"}}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_is_400(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        decode_object(body)

    assert (caught.value.status, caught.value.code) == (400, "malformed_json")


def test_what_cannot_be_stored_is_422(settings: ApiSettings, rows: Session) -> None:
    with serving(settings.model_copy(update={"api_max_body_bytes": 10_000_000})) as api:
        answers = {name: post(api, body) for name, body in REFUSED.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(REFUSED, 422)
    assert all(problem(answer)["code"] for answer in answers.values())
    assert rows.scalar(select(func.count()).select_from(RenderJob)) == 0


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/preview"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken_for_json(api: httpx.Client, path: str, content_type: str) -> None:
    answer = api.post(path, content=json.dumps(request()), headers={"Content-Type": content_type})

    assert answer.status_code == 415
    assert problem(answer)["code"] == "not_json"


def test_a_body_above_the_cap_is_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json=request(metadata={"a": "x" * 200_000}))

    assert answer.status_code == 413
    assert "100000 bytes" in problem(answer)["detail"]


def test_a_body_of_unknown_length_is_counted(api: httpx.Client) -> None:
    chunks = (b"x" * 10_000 for _ in range(100))

    answer = api.post("/v1/jobs", content=chunks, headers={"Content-Type": "application/json"})

    assert answer.status_code == 413
    assert problem(answer)["code"] == "body_too_large"


def test_a_body_that_never_ends_is_given_up(settings: ApiSettings) -> None:
    with (
        serving(settings.model_copy(update={"api_body_timeout_seconds": 0.2})) as api,
        socket.create_connection((api.base_url.host, api.base_url.port)) as peer,
    ):
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: {api.base_url.host}\r\nContent-Type: application/json\r\n"
        peer.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        answer = b"".join(iter(lambda: peer.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_too_slow" in answer


def post(api: httpx.Client, body: bytes) -> httpx.Response:
    """The answer to raw bytes that say they are JSON."""
    return api.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("body", [b'{"a": [' + b"[]," * 5_000_000 + b"[]]}", b'{"a": "' + b"," * 200_000 + b'"}'])
def test_elements_are_counted_before_they_are_made(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        decode_object(body)

    assert (caught.value.status, caught.value.code) == (413, "too_many_elements")


def test_lines_are_counted_before_they_are_made(settings: ApiSettings, rows: Session) -> None:
    with serving(settings.model_copy(update={"api_max_body_bytes": 10_000_000})) as api:
        answer = api.post(
            "/v1/campaigns/autumn/clips", content=b"\n" * 1_000_000, headers={"Content-Type": "application/x-ndjson"}
        )

    assert (answer.status_code, problem(answer)["code"]) == (413, "too_many_lines")


def test_a_body_without_pictures_is_small(settings: ApiSettings, rows: Session) -> None:
    large = {"file_name": "x" * SMALL_BODY_BYTES}
    with serving(settings.model_copy(update={"api_max_body_bytes": 10_000_000})) as api:
        answers = [
            api.post("/v1/campaigns/autumn/imports", json=large),
            api.put("/v1/campaigns/autumn", json=large),
            api.post("/v1/webhooks", json=large),
            api.post("/v1/preview", json=request(metadata=large)),
        ]

    assert [answer.status_code for answer in answers] == [413, 413, 413, 422]
