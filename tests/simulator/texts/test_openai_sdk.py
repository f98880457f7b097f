"""The SDK of the interface that language models copy, unmodified, against a simulator process.

It runs in a process of its own, because it brings another HTTP stack and leaves connections open.
"""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Simulator

TEXT = """
    done = client.chat.completions.create(model="qwen-plus", messages=HI, temperature=0.5, extra_body={"top_k": 20})
    assert done.choices[0].message.content == "You said: Hi"
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert "qwen-plus" in [model.id for model in client.models.list()]
"""
STREAM = """
    chunks = client.chat.completions.create(
        model="qwen-plus", messages=HI, stream=True, stream_options={"include_usage": True},
        extra_body={"enable_thinking": True},
    )
    text, thoughts, usage = "", "", None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
    assert text == "You said: Hi"
    assert thoughts.startswith("The question has 2")
    assert usage.completion_tokens_details.reasoning_tokens > 0
"""
TOOLS = """
    import json

    messages = [{"role": "user", "content": "Weather? [[call=weather]]"}]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {
        "type": "object", "properties": {"town": {"type": "string"}}}}}]
    asked = client.chat.completions.create(model="qwen-plus", messages=messages, tools=tools)
    (call,) = asked.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"town": "text"}
    messages += [asked.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    done = client.chat.completions.create(model="qwen-plus", messages=messages, tools=tools)
    assert done.choices[0].message.content == "The tool said: sunny"
    with client.chat.completions.stream(model="qwen-plus", messages=messages[:1], tools=tools) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"town": "text"}
"""
STRUCTURED = """
    from pydantic import BaseModel

    class Boat(BaseModel):
        name: str
        masts: int

    done = client.chat.completions.parse(
        model="qwen3.7-plus", messages=HI, response_format=Boat, extra_body={"enable_thinking": False}
    )
    assert done.choices[0].message.parsed == Boat(name="text", masts=1)
"""
FAILURES = """
    for model, kind in (("no-such-model", openai.NotFoundError), ("qwen-max", openai.BadRequestError)):
        try:
            client.chat.completions.create(model=model, messages=HI, extra_body={"enable_thinking": True})
        except kind as error:
            assert error.code in {"model_not_found", "invalid_parameter_error"}, error
        else:
            raise AssertionError(model)
    try:
        list(client.chat.completions.create(
            model="qwen-plus", messages=[{"role": "user", "content": "[[blocked-output]] Hi"}], stream=True
        ))
    except openai.APIError as error:
        assert error.code == "data_inspection_failed"
    else:
        raise AssertionError("a refused answer is an error")
"""
ASYNC = """
    import asyncio

    async def main():
        async with openai.AsyncOpenAI(max_retries=0) as client:
            done = await client.chat.completions.create(model="qwen3.8-flash", messages=HI)
            assert done.choices[0].message.content == "You said: Hi"
            assert done.choices[0].message.reasoning_content

    asyncio.run(main())
"""
BATCH = """
    import json, time

    rows = [{"custom_id": name, "method": "POST", "url": "/v1/chat/completions",
             "body": {"model": "qwen-plus", "messages": HI}} for name in ("a", "b")]
    content = "".join(json.dumps(row) + chr(10) for row in rows).encode()
    file = client.files.create(file=("asked.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h",
                                  metadata={"ds_name": "from the SDK"})
    while batch.status not in {"completed", "failed", "expired", "cancelled"}:
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 2), batch
    answers = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert {answer["custom_id"] for answer in answers} == {"a", "b"}
    assert answers[0]["response"]["body"]["choices"][0]["message"]["content"] == "You said: Hi"
    assert [each.id for each in client.batches.list(limit=1)] == [batch.id]
    assert batch.metadata == {"ds_name": "from the SDK"}
    assert client.files.delete(file.id).deleted
    assert file.id not in [each.id for each in client.files.list()]
"""
CANCEL = """
    file = client.files.create(file=("asked.jsonl", b"{}"), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.cancel(batch.id).status == "cancelling"
"""
PRELUDE = """
    import openai

    HI = [{"role": "user", "content": "Hi"}]
    client = openai.OpenAI(max_retries=0)
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(TEXT, id="text"),
        pytest.param(STREAM, id="stream"),
        pytest.param(TOOLS, id="tools"),
        pytest.param(STRUCTURED, id="structured output"),
        pytest.param(FAILURES, id="failures"),
        pytest.param(ASYNC, id="asyncio"),
        pytest.param(CANCEL, id="cancelled batch"),
    ],
)
def test_the_openai_sdk_runs_unmodified(simulator: Simulator, script: str) -> None:
    run_with_sdk(simulator, script)


def test_the_openai_sdk_follows_a_batch_to_its_files(simulator: Simulator) -> None:
    quick = {"batch_validation_seconds": 1, "batch_run_seconds": 2, "batch_end_seconds": 1}
    simulator.control.post("config", json={"texts": quick}).raise_for_status()

    run_with_sdk(simulator, BATCH)


def run_with_sdk(simulator: Simulator, script: str) -> None:
    """Run a script with the SDK, and let it succeed."""
    environment = os.environ | {
        "OPENAI_BASE_URL": f"{simulator.base_url}/compatible-mode/v1",
        "OPENAI_API_KEY": "sk-test",
        "NO_PROXY": "127.0.0.1",
    }

    run = subprocess.run(
        [sys.executable, "-c", dedent(PRELUDE) + dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert run.returncode == 0, run.stderr
