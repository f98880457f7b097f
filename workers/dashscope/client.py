"""The one place that sends to DashScope.

Each method makes one HTTP request, ever: no transport retry, no redirect, every phase under a time
limit and the whole under another, the response size capped. What failed says what is known about it
(:mod:`workers.dashscope.errors`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from models.rate_limit import TurnKind
from reelqueue.builder import BuiltRequest
from reelqueue.egress import WIRE_ERRORS, tls_context
from reelqueue.loopback import is_loopback_url
from reelqueue.version import USER_AGENT
from workers.dashscope import model_list, quotas
from workers.dashscope.answer_check import RawAnswer, check_answer
from workers.dashscope.clock_comparison import MOST_OFFSET, ClockComparison
from workers.dashscope.errors import MisdirectedError, NoAnswerError, NotSentError
from workers.dashscope.model_list import ListedModel, ModelPage
from workers.dashscope.quotas import Quota
from workers.dashscope.task_list import TaskList, assemble
from workers.dashscope.wire import (
    Acceptance,
    ListedTask,
    ListPage,
    TaskAnswer,
    UnreadableError,
    format_time,
    parse_acceptance,
    parse_error,
    parse_listing,
    parse_task,
)

MAX_ANSWER_BYTES: Final = 1024 * 1024
# A shorter key guards nothing but the simulator, and its letters may stand in any answer.
_SECRET_BYTES: Final = 12
PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50

Pace = Callable[[TurnKind], Awaitable[None]]
"""Returns when a call of that kind may be sent."""


@dataclass(frozen=True)
class Exchange:
    """A question to the provider and its answer, before anything is read into it."""

    method: str
    path: str
    """With its query."""
    answer: RawAnswer


Listener = Callable[[Exchange], None]
"""Is shown each answer that came whole; what it raises is the caller's."""

# Raised by httpx before the first byte of a request is written. A refused CONNECT of a proxy is
# among them: the request itself is written only inside the tunnel.
_BEFORE_ANY_BYTE: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class TooManyTasksError(NoAnswerError):
    """A window of the task list has more pages than are read."""


@dataclass(frozen=True)
class TimeLimits:
    """How long each phase of a request may take, in seconds."""

    connect: float = 10
    write: float = 60
    """Per chunk; a submit with pictures inside it has up to 64 MiB."""
    read: float = 30
    """Without a byte."""
    query: float = 15
    """For a whole query or cancel."""


@dataclass(frozen=True)
class Endpoint:
    """An account's base URL, key and headers."""

    base_url: str
    """Scheme and host, without ``/api/v1``."""
    key: SecretStr
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every call but a submit, which is built with its own."""

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine: the simulator."""
        return is_loopback_url(self.base_url)


class DashScope:
    """Calls to one account's endpoint; use it as an asynchronous context manager.

    Args:
        endpoint: Where, and as whom.
        limits: Time limits.
        transport: Replaces httpx's own; the seam for proxies, private networks and tests.
        pace: Waits for the account's next turn before each query, list and cancel; None: the caller has taken turns.
        clock: Is shown what the answers say of the provider's clock.
        listener: Is shown every answer; None: no one asks.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limits: TimeLimits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        pace: Pace | None = None,
        clock: ClockComparison | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._listener = listener
        self.clock = clock
        self._limits = limits or TimeLimits()
        self._http = httpx.AsyncClient(
            base_url=endpoint.base_url.rstrip("/"),
            transport=transport,
            verify=tls_context() if urlsplit(endpoint.base_url).scheme == "https" else False,
            follow_redirects=False,
            trust_env=not endpoint.is_loopback,  # a proxy cannot reach this machine's simulator
            timeout=httpx.Timeout(
                connect=self._limits.connect, write=self._limits.write, read=self._limits.read, pool=1
            ),
            headers={"User-Agent": USER_AGENT},
            event_hooks={"request": [clock.on_request], "response": [clock.on_response]} if clock else {},
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

    async def submit(
        self, built: BuiltRequest, *, limit_seconds: float, last_look: Callable[[], object] | None = None
    ) -> Acceptance:
        """Send the paid POST, once.

        Args:
            built: What to send.
            limit_seconds: For the whole of it, so that an answer of a byte a second ends too.
            last_look: Called when the connection is there and the first byte is about to leave; what it raises keeps
                the request from being sent. The limit alone cannot: a process that stood still while it connected
                goes on writing before it notices how late it is.

        Raises:
            NotSentError, RefusedError: Provably nothing was created.
            ServerFaultError, NoAnswerError: It is unknown whether a task was created.
        """
        answer = await self._send(built.method, built.path, limit_seconds, built.headers, built.body, last_look)
        try:
            return parse_acceptance(answer)
        except UnreadableError as error:
            _, message, request_id = parse_error(answer)
            raise NoAnswerError(f"200 with {error}: {message}", http_status=200, request_id=request_id) from error

    async def get(self, provider_task_id: str) -> TaskAnswer:
        """Ask for one task.

        Raises:
            ProviderError: No answer about the task; it says nothing about the task itself.
        """
        await self._turn(TurnKind.QUERY)
        answer = await self._send("GET", f"/api/v1/tasks/{provider_task_id}", self._limits.query)
        try:
            return parse_task(answer)
        except UnreadableError as error:
            _, message, request_id = parse_error(answer)
            raise NoAnswerError(f"200 with {error}: {message}", http_status=200, request_id=request_id) from error

    async def list_tasks(self, *, model: str | None, since: datetime, until: datetime) -> TaskList:
        """The account's tasks, created within a window, from every page, and whether they are all.

        Args:
            model: The provider's model id; None: of all models.
            since: Aware; at most 24 hours before *until*.
            until: Aware.

        Raises:
            TooManyTasksError: The window has more pages than are read; ask for a part of it.
            ProviderError: Any page is missing or unreadable, so that nothing follows from the rest.
        """
        window = {"start_time": format_time(since), "end_time": format_time(until)}
        window |= {} if model is None else {"model_name": model}
        pages: list[ListPage] = []
        while len(pages) < max((page.page_count for page in pages), default=1):
            query = httpx.QueryParams({"page_no": len(pages) + 1, "page_size": PAGE_SIZE, **window})
            await self._turn(TurnKind.LIST)
            answer = await self._send("GET", f"/api/v1/tasks?{query}", self._limits.query)
            try:
                pages.append(_within(parse_listing(answer), since, until))
            except UnreadableError as error:
                raise NoAnswerError(f"200 with {error}", http_status=200) from error
            if pages[-1].page_count > MAX_PAGES:
                raise TooManyTasksError(f"a list of {pages[-1].page_count} pages; more than {MAX_PAGES} are not read")
        return assemble(pages)

    async def quotas(self) -> dict[str, Quota]:
        """What the account may do, by model id, from every page.

        Raises:
            MisdirectedError: The host has no such list.
            ProviderError: It cannot be read whole, so that nothing follows from a part.
        """
        for path in quotas.PATHS:
            try:
                return quotas.smallest(await self._quota_pages(path))
            except MisdirectedError:
                if path == quotas.PATHS[-1]:
                    raise
        raise AssertionError  # the last path returns or raises

    async def _quota_pages(self, path: str) -> list[Quota]:
        found: list[Quota] = []
        total = None
        for number in range(1, quotas.PAGES_MAX + 1):
            query = httpx.QueryParams({"page_no": number, "page_size": quotas.PAGE_SIZE})
            answer = await self._send("GET", f"{path}?{query}", self._limits.query)
            try:
                page = quotas.parse_quotas(answer)
            except UnreadableError as error:
                raise NoAnswerError(f"200 with {error}", http_status=200) from error
            if total not in {None, page.total}:
                raise NoAnswerError("the list of quotas changed while it was read", http_status=200)
            found, total = found + page.quotas, page.total
            if not page.quotas or number * quotas.PAGE_SIZE >= page.total:
                return found
        raise NoAnswerError(f"a list of quotas with more than {quotas.PAGES_MAX} pages", http_status=200)

    async def models(self, region: str) -> dict[str, ListedModel]:
        """The video models that the account's host lists, by model id, from every page.

        Raises:
            MisdirectedError: The host has no such list.
            ProviderError: It cannot be read whole, so that nothing follows from a part.
        """
        pages: list[ModelPage] = []
        seen: set[str] = set()
        while len(pages) < model_list.PAGES_MAX:
            pages.append(await self._model_page(len(pages) + 1, region))
            page = pages[-1]
            if page.total != pages[0].total:
                raise NoAnswerError("the list of models changed while it was read", http_status=200)
            if page.ids and seen.issuperset(page.ids):
                raise NoAnswerError("a page of the list of models came twice", http_status=200)
            seen.update(page.ids)
            row_count = sum(one.row_count for one in pages)
            if not page.row_count or (page.total is not None and row_count >= page.total):
                if page.total is not None and row_count < page.total:
                    text = f"the list of models is cut: {row_count} of {page.total} rows"
                    raise NoAnswerError(text, http_status=200)
                found = model_list.dearest([model for one in pages for model in one.models])
                if not found:
                    raise NoAnswerError("the list of models has no video model", http_status=200)
                return found
        raise NoAnswerError(f"a list of models with more than {model_list.PAGES_MAX} pages", http_status=200)

    async def _model_page(self, number: int, region: str) -> ModelPage:
        site = model_list.SITES.get(region)
        filters = {"capabilities": "VG", "language": "en-US", **({"service_site": site} if site else {})}
        query = httpx.QueryParams({"page_no": number, "page_size": model_list.PAGE_SIZE, **filters})
        answer = await self._send("GET", f"{model_list.PATH}?{query}", self._limits.query)
        try:
            return model_list.parse_models(answer)
        except UnreadableError as error:
            raise NoAnswerError(f"200 with {error}", http_status=200) from error

    async def cancel(self, provider_task_id: str) -> None:
        """Ask to stop a task; the provider stops it only while it is PENDING.

        Raises:
            RefusedError: It is not PENDING any more (code ``UnsupportedOperation``).
            ProviderError: It is unknown.
        """
        await self._turn(TurnKind.CANCEL)
        await self._send("POST", f"/api/v1/tasks/{provider_task_id}/cancel", self._limits.query)

    async def look(self, path: str, kind: TurnKind = TurnKind.QUERY) -> RawAnswer:
        """Ask for anything by GET, and return whatever is answered, an error too.

        Raises:
            ProviderError: Nothing was answered.
        """
        await self._turn(kind)
        return await self._answer("GET", path, self._limits.query)

    async def _turn(self, kind: TurnKind) -> None:
        if self._pace is not None:
            await self._pace(kind)

    async def _send(
        self,
        method: str,
        path: str,
        limit_seconds: float,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        last_look: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """A JSON object for 2xx, else an error that says what is known."""
        return check_answer(await self._answer(method, path, limit_seconds, headers, body, last_look))

    async def _answer(
        self,
        method: str,
        path: str,
        limit_seconds: float,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        last_look: Callable[[], object] | None = None,
    ) -> RawAnswer:
        """The one method that sends."""
        try:
            request = self._http.build_request(
                method,
                path,
                headers={
                    **(self._endpoint.headers if headers is None else headers),
                    "Authorization": f"Bearer {self._endpoint.key.get_secret_value()}",
                },
                json=body,
                extensions={"trace": _looking(last_look)} if last_look else None,
            )
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise NotSentError(f"the request cannot be written: {error}") from error
        try:
            async with asyncio.timeout(limit_seconds):
                answer = await self._exchange(request)
        except _BEFORE_ANY_BYTE as error:
            raise NotSentError(
                f"{urlsplit(self._endpoint.base_url).netloc} cannot be reached: {_name(error)}"
            ) from error
        except (*WIRE_ERRORS, TimeoutError) as error:
            raise NoAnswerError(f"the request left and no answer came: {_name(error)}") from error
        if self._listener is not None:
            self._listener(Exchange(method, path, answer))
        return answer

    def _without_key(self, content: bytes) -> bytes:
        """An answer without the key, which a gateway may quote: it is stored and logged."""
        key = self._endpoint.key.get_secret_value().encode()
        return content.replace(key, b"***") if len(key) >= _SECRET_BYTES else content

    async def _exchange(self, request: httpx.Request) -> RawAnswer:
        response = await self._http.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise NoAnswerError(
                        f"an answer of more than {MAX_ANSWER_BYTES} bytes", http_status=response.status_code
                    )
            host = urlsplit(self._endpoint.base_url).netloc
            return RawAnswer(response.status_code, response.headers, self._without_key(bytes(content)), host)
        finally:
            await response.aclose()


def _within(page: ListPage, since: datetime, until: datetime) -> ListPage:
    """Drop times of a page that are days outside the requested window: no task of it was made then."""

    def is_possible(task: ListedTask) -> bool:
        return task.created_at is None or since - MOST_OFFSET <= task.created_at <= until + MOST_OFFSET

    return replace(page, tasks=[one if is_possible(one) else replace(one, created_at=None) for one in page.tasks])


def _looking(last_look: Callable[[], object]) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """A trace of httpcore's steps that calls the last check before each head is written, a proxy's CONNECT too."""

    async def trace(step: str, _details: dict[str, Any]) -> None:
        if step.endswith("send_request_headers.started"):
            last_look()

    return trace


def _name(error: Exception) -> str:
    # A protocol error of ours quotes the header that cannot be sent, which may hold a key.
    said = "" if isinstance(error, httpx.LocalProtocolError) else str(error)
    return f"{type(error).__name__} {said}".strip()
