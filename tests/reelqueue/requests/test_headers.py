from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reelqueue import build, parse_request

TEXT = {"model": "wan2.6-t2v", "prompt": "fog"}
FIXED = {"Content-Type": "application/json", "X-DashScope-Async": "enable", "User-Agent": "reelqueue/0.1.0"}
OSS = "oss://bucket/a.png"


def headers_of(options: Mapping[str, Any], **account: str) -> Mapping[str, str]:
    return build(parse_request(options), account_headers=account).headers


def test_only_what_the_service_needs_is_sent() -> None:
    assert headers_of(TEXT) == FIXED


def test_the_request_wins_over_the_account_whatever_the_spelling() -> None:
    inspected = {**TEXT, "headers": {"X-DashScope-DataInspection": "job"}}
    sent = headers_of(inspected, **{"x-dashscope-datainspection": "account", "X-Team": "film"})

    assert sent == {**FIXED, "X-DashScope-DataInspection": "job", "X-Team": "film"}


@pytest.mark.parametrize(
    "name", ["X-DashScope-WorkSpace", "Cookie", "Expect", "X-DashScope-Wait-Timeout", "idempotency-key", "X-Trace"]
)
def test_a_stored_header_that_no_request_may_set_is_not_sent(name: str) -> None:
    stored = {name: "1", "x-dashscope-datainspection": "enable"}
    request = parse_request(TEXT).model_copy(update={"headers": stored})

    assert build(request).headers == {**FIXED, "x-dashscope-datainspection": "enable"}


def test_an_account_cannot_replace_what_we_set() -> None:
    sent = headers_of(TEXT, **{"x-dashscope-async": "disable", "AUTHORIZATION": "Bearer other", "user-agent": "x"})

    assert sent == FIXED


@pytest.mark.parametrize(
    "options",
    [
        {"model": "wan2.6-i2v", "image": OSS},
        {"model": "wan2.6-t2v", "prompt": "fog", "audio_url": "oss://bucket/a.mp3"},
        {"model": "wan2.6-r2v", "prompt": "x", "reference_urls": ["https://media.example/a.png", OSS]},
        {"model": "wan2.2-kf2v-flash", "image": "https://media.example/a.png", "last_frame": OSS},
        {"model": "wan2.7-i2v", "media": [{"type": "first_frame", "url": OSS}]},
        # only the voice is in the provider's own storage
        {
            "model": "wan2.7-r2v",
            "prompt": "x",
            "media": [{"type": "reference_image", "url": "https://media.example/a.png", "reference_voice": OSS}],
        },
        {"model": "wan2.6-i2v", "image": "OSS://bucket/a.png"},
    ],
)
def test_an_upload_of_the_provider_is_announced(options: Mapping[str, Any]) -> None:
    assert headers_of(options)["X-DashScope-OssResourceResolve"] == "enable"
