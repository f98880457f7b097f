from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from reelqueue import data_uri
from reelqueue.preview import preview_lines

HOST = "https://dashscope-intl.aliyuncs.com"
BOAT = json.dumps({"model": "wan2.6-t2v", "prompt": "a boat", "resolution": "720P"})


def test_a_line_becomes_the_request_that_would_be_sent() -> None:
    (line,) = preview_lines([BOAT], base_url=HOST)

    assert line == {
        "line": 1,
        "request": {
            "method": "POST",
            "url": f"{HOST}/api/v1/services/aigc/video-generation/video-synthesis",
            "headers": {
                "Content-Type": "application/json",
                "X-DashScope-Async": "enable",
                "User-Agent": "reelqueue/0.1.0",
            },
            "body": {"model": "wan2.6-t2v", "input": {"prompt": "a boat"}, "parameters": {"size": "1280*720"}},
        },
        "warnings": [],
        "estimated_cost": {
            "min_amount": "0.50",
            "max_amount": "0.50",
            "currency": "USD",
            "billed_seconds_min": 5,
            "billed_seconds_max": 5,
            "region": "ap-southeast-1",
            "priced_on": "2026-04-01",
            "source": "release",
        },
    }


def test_a_bad_line_does_not_stop_the_others() -> None:
    bad = json.dumps({"model": "wan2.6-t2v", "prompt": "a boat", "duration": 99})

    lines = list(preview_lines([bad, "", "{nonsense", "[]", BOAT], base_url=HOST))

    assert [line["line"] for line in lines] == [1, 3, 4, 5]
    assert [line["error"]["code"] for line in lines[:3]] == ["out_of_range", "bad_json", "bad_json"]
    assert lines[0]["error"]["field"] == "duration"
    assert "request" in lines[3]


def test_an_unknown_price_is_a_warning() -> None:
    (line,) = preview_lines([BOAT], base_url="https://dashscope-us.aliyuncs.com")

    assert line["estimated_cost"] is None
    assert line["warnings"] == ["no price is known for wan2.6-t2v in us-east-1, so its cost is unknown"]


def test_files_are_read_only_where_the_caller_says_so(tmp_path: Path) -> None:
    path = tmp_path / "first.bmp"
    path.write_bytes(b"BM" + bytes(16) + (640).to_bytes(4, "little") * 2 + bytes(30))
    text = json.dumps({"model": "wan2.6-i2v", "image": str(path)})

    (refused,) = preview_lines([text], base_url=HOST)
    (taken,) = preview_lines([text], base_url=HOST, local_files=True)

    assert refused["error"]["field"] == "image"
    assert taken["request"]["body"]["input"]["img_url"] == data_uri(path)


def test_every_line_is_json() -> None:
    lines = preview_lines([BOAT, "{"], base_url=HOST)

    assert all(json.loads(json.dumps(line)) == line for line in lines)


def test_a_line_with_messages_asks_a_language_model() -> None:
    ask = {"model": "qwen-plus", "messages": [{"role": "user", "content": "Hi"}], "maxOutputTokens": 100}

    (line,) = preview_lines([json.dumps(ask)], base_url=HOST)

    assert line["request"] == {
        "method": "POST",
        "url": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        "headers": {"Content-Type": "application/json", "User-Agent": "reelqueue/0.1.0"},
        "body": {
            "model": "qwen-plus",
            "max_tokens": 100,
            "enable_thinking": False,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        },
    }
    assert line["warnings"] == []
    cost = line["estimated_cost"]
    assert Decimal("0.00012") < Decimal(cost.pop("max_amount")) < Decimal("0.0002")
    assert cost == {"currency": "USD", "region": "ap-southeast-1", "priced_on": "2026-02-24"}


def test_text_lines_go_to_their_own_host_and_may_be_refused() -> None:
    ask = {"model": "some-model", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    lines = [json.dumps(ask), json.dumps(ask | {"temperature": 2}), json.dumps(ask | {"stream": 1}), BOAT]

    asked, hot, odd, boat = preview_lines(lines, base_url=HOST, text_base_url="https://texts.example/v1/")

    assert asked["request"]["url"] == "https://texts.example/v1/chat/completions"
    assert asked["request"]["body"]["stream"] is True
    assert asked["estimated_cost"] is None
    assert [line["error"]["field"] for line in (hot, odd)] == ["temperature", "stream"]
    assert boat["request"]["url"].startswith(HOST)
