"""Both clients, over scripted answers; what holds for one must hold for the other."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from reelqueue.qwen import AsyncQwenClient, QwenClient

Handler = Callable[[httpx.Request], httpx.Response]

STREAM = "text/event-stream"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


# `Any` below: what a call gives depends on the world, and tests of one world must read like the other's.
class World:
    """One kind of client; `run` gives what its call gives, awaited where it must be."""

    def __init__(self, kind: type[QwenClient | AsyncQwenClient], runner: asyncio.Runner) -> None:
        self.kind = kind
        self.requests: list[httpx.Request] = []
        self._runner = runner
        self._clients: list[QwenClient | AsyncQwenClient] = []

    def client(self, *answers: httpx.Response | Exception | Handler, **settings: Any) -> Any:  # noqa: ANN401
        """A client whose calls get *answers*, one after the other."""
        waiting = list(answers)

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            answer = waiting.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, httpx.Response) else answer(request)

        return self.connect(transport=httpx.MockTransport(handle), **settings)

    def connect(self, **settings: Any) -> Any:  # noqa: ANN401
        """A client with these settings, closed with the test."""
        client = self.kind({"api_key": "sk-test", "base_url": "http://texts.test/v1", **settings})
        self._clients.append(client)
        return client

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies that were sent."""
        return [json.loads(request.content) for request in self.requests]

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            self.run(client.close())

    def run(self, result: Any) -> Any:  # noqa: ANN401
        """The value of a call."""
        if inspect.isasyncgen(result):
            return self._runner.run(_collect(result))
        if inspect.isgenerator(result):
            return list(result)
        return self._runner.run(result) if inspect.isawaitable(result) else result


@pytest.fixture(params=[QwenClient, AsyncQwenClient], ids=["blocking", "asyncio"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each kind of client in turn."""
    with asyncio.Runner() as runner:
        world = World(request.param, runner)
        yield world
        world.close()


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    """A chunk of a stream, as the service writes it."""
    choices = [] if delta is None else [{"delta": delta, "index": 0, "logprobs": None, "finish_reason": finish}]
    head = {"object": "chat.completion.chunk", "usage": None, "created": 1, "model": "qwen-plus", "id": "chatcmpl-1"}
    return {"choices": choices, **head, **rest}


def events(*chunks: dict[str, Any] | str) -> bytes:
    """Chunks as the bytes of a stream; a text stands for itself."""
    lines = (each if isinstance(each, str) else json.dumps(each) for each in chunks)
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def streamed(*chunks: dict[str, Any] | str, content: bytes | None = None, **headers: str) -> httpx.Response:
    """The answer that is such a stream."""
    body = events(*chunks) if content is None else content
    return httpx.Response(200, content=body, headers={"content-type": STREAM, "x-request-id": "r-1", **headers})


def whole(text: str | None = "Hello", finish: str | None = "stop", **message: Any) -> httpx.Response:
    """A whole answer."""
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "finish_reason": finish, "logprobs": None, "message": said}
    document = {"id": "chatcmpl-1", "model": "qwen-plus", "choices": [choice], "usage": USAGE}
    return httpx.Response(200, json=document, headers={"x-request-id": "r-1"})


HELLO = (
    chunk({"content": None, "role": "assistant", "reasoning_content": ""}),
    chunk({"content": None, "reasoning_content": "Hm"}),
    chunk({"content": "Hel", "reasoning_content": None}),
    chunk({"content": "lo"}),
    chunk({"content": ""}, "stop"),
    chunk(usage=USAGE),
    "[DONE]",
)
"""A stream as section by section of the service's samples."""
