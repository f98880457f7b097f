"""The command that writes the request of each case, and its agreement with the AI SDK."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.qwen.vectors import vector, vector_lines
from tests.reelqueue.qwen.ai_sdk.cases import CASES, KEY, REFUSED, case
from tests.support.node_packages import AI_SDK, install

CAPTURE = Path(__file__).parent / "ai_sdk" / "capture.mjs"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("node")
def test_each_request_is_the_one_that_the_ai_sdk_sends(tmp_path: Path) -> None:
    install(tmp_path, *AI_SDK)
    script = tmp_path / "capture.mjs"
    script.write_bytes(CAPTURE.read_bytes())
    lines = "".join(json.dumps(each) + "\n" for each in CASES)

    done = subprocess.run(
        ["node", str(script)],  # noqa: S607
        input=lines,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(theirs) == len(CASES), done.stderr
    for each, their in zip(CASES, theirs, strict=True):
        ours = vector(json.dumps(each).encode())
        assert without_agent(ours) == without_agent(their), each["case"]


def without_agent(request: dict[str, Any]) -> dict[str, Any]:
    """A request but for who made it."""
    assert "error" not in request, request
    return {**request, "headers": {name: text for name, text in request["headers"].items() if name != "user-agent"}}


@pytest.mark.parametrize(("code", "refused"), REFUSED, ids=[each["case"] for _, each in REFUSED])
def test_what_the_service_would_refuse_is_an_error_line(code: str, refused: dict[str, Any]) -> None:
    assert vector(json.dumps(refused).encode())["error"]["code"] == code


def test_the_key_is_that_of_the_settings_whatever_the_headers_say() -> None:
    line = case(
        "", settings={"headers": {"Authorization": "Bearer other"}}, prompt="Hi", headers={"AUTHORIZATION": "x"}
    )

    assert vector(json.dumps(line).encode())["headers"]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"model": 1}'])
def test_a_malformed_line_is_an_error_line(content: bytes) -> None:
    (found,) = vector_lines([content])

    assert list(found) == ["error"]


@given(JSON, JSON, JSON)
def test_no_line_raises(model: object, settings: object, options: object) -> None:
    for line in (
        {"model": model, "settings": settings, "options": options},
        {"model": "qwen-plus", "settings": {"apiKey": KEY}, "options": options},
        {"model": "qwen-plus", "settings": {"apiKey": KEY}, "options": {"messages": options}},
        {"model": "qwen-plus", "settings": {"apiKey": KEY}, "options": {"prompt": "a", "tools": options}},
        {"model": "qwen-plus", "settings": {"apiKey": KEY}, "options": {"prompt": "a", "output": {"$output": options}}},
    ):
        found = vector(json.dumps(line).encode())

        assert set(found) in ({"error"}, {"url", "headers", "body"})
        assert found.get("error", {}).get("code") != "unexpected", found


def test_the_command_writes_a_line_for_each_line() -> None:
    lines = json.dumps(case("", prompt="Hi")) + "\nnonsense\n"

    done = subprocess.run(
        [sys.executable, "-m", "reelqueue.qwen.vectors"], input=lines, capture_output=True, text=True, check=False
    )

    written = [json.loads(line) for line in io.StringIO(done.stdout)]
    assert done.returncode == 0
    assert [list(line) for line in written] == [["url", "headers", "body"], ["error"]]
    assert set(written[1]["error"]) == {"code", "message"}
