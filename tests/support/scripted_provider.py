"""DashScope at the transport seam: it answers from a script and remembers what it was asked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from tests.support.virtual_clock import START, VirtualClock

RESULT_URL = "https://result.example/clip.mp4?Signature=s3cret"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Killed(BaseException):
    """The end of the worker that asked."""


Said = Answer | BaseException | Callable[[], "Said"]
"""An answer, a failure of the transport, or what happens meanwhile and then is said."""


def answer(status: int, document: object) -> Answer:
    """An answer with JSON."""
    return Answer(status, json.dumps(document).encode())


def accepted(task_id: str, status: str = "PENDING") -> Answer:
    """A submit that created a task."""
    output = {"task_id": task_id, "task_status": status}
    return answer(200, {"output": output, "request_id": f"request-{task_id}"})


def refused(status: int, code: str, message: str = "no") -> Answer:
    """An error in the provider's flat envelope."""
    return answer(status, {"code": code, "message": message, "request_id": "request-refused"})


def task(status: str, **output: Any) -> Answer:
    """A query about a task; *output* is what it says beside the status."""
    usage = output.pop("usage", None)
    document: dict[str, Any] = {"output": {"task_status": status, **output}, "request_id": "request-query"}
    return answer(200, document if usage is None else {**document, "usage": usage})


def listing(*rows: dict[str, Any], missing: int = 0) -> Answer:
    """The only page of the task list, which counts some rows that are *missing*."""
    total = len(rows) + missing
    return answer(200, {"total": total, "total_page": 1, "page_no": 1, "page_size": 100, "data": list(rows)})


def succeeded(url: str = RESULT_URL, **output: Any) -> Answer:
    """A task that has its video."""
    return task("SUCCEEDED", video_url=url, usage={"duration": 5, "SR": 720}, **output)


class ScriptedProvider(httpx.AsyncBaseTransport):
    """Answers submits with new tasks and queries with RUNNING, unless the script says otherwise."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock
        """Each answer tells its time; None: no answer tells any."""
        self.offset_seconds = 0.0
        """How far the provider's clock is ahead of that one."""
        self.requests: list[httpx.Request] = []
        self._script: dict[str, list[Said]] = {}
        self._ids = itertools.count(1)

    def on_submit(self, *said: Said) -> None:
        """Answer the next submits like this, one each."""
        self._script.setdefault("submit", []).extend(said)

    def on_query(self, *said: Said, task_id: str = "") -> None:
        """Answer the next queries like this, one each and the last for ever; of one task, or of any."""
        self._script[f"query {task_id}".strip()] = list(said)

    def on_cancel(self, *said: Said) -> None:
        """Answer the next cancels like this, one each."""
        self._script.setdefault("cancel", []).extend(said)

    def on_list(self, *said: Said) -> None:
        """Answer the next listings like this, one each and the last for ever."""
        self._script["list"] = list(said)

    def count(self, operation: str) -> int:
        """How often it was asked to submit, query, cancel or list."""
        return sum(_operation(request) == operation for request in self.requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        await request.aread()
        self.requests.append(request)
        said = self._next(_operation(request), request.url.path.rsplit("/", 1)[-1])
        while callable(said):
            with ThreadPoolExecutor() as other_worker:
                said = other_worker.submit(said).result()
        if isinstance(said, BaseException):
            raise said
        return httpx.Response(said.status, headers={**self._date(), **said.headers}, content=said.content)

    def now(self) -> datetime:
        """The provider's time."""
        return (self.clock.now() if self.clock else START) + timedelta(seconds=self.offset_seconds)

    def _date(self) -> dict[str, str]:
        return {"Date": format_datetime(self.now(), usegmt=True)} if self.clock else {}

    def _next(self, operation: str, task_id: str) -> Said:
        for name in (f"{operation} {task_id}", operation):
            if script := self._script.get(name):
                is_last = len(script) == 1 and operation in {"query", "list"}
                return script[0] if is_last else script.pop(0)
        return self._by_default(operation)

    def _by_default(self, operation: str) -> Said:
        match operation:
            case "submit":
                return accepted(f"task-{next(self._ids)}")
            case "query":
                return task("RUNNING")
            case "list":
                return listing()
            case _:
                return answer(200, {"request_id": "request-cancel"})


def _operation(request: httpx.Request) -> str:
    path = request.url.path
    if request.method == "POST":
        return "cancel" if path.endswith("/cancel") else "submit"
    return "list" if path.endswith("/tasks") else "query"
