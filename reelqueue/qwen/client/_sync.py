"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx
from pydantic import BaseModel

from reelqueue.qwen.answer import Answer, TextDelta
from reelqueue.qwen.answers.exchange import Exchange, exchange_for
from reelqueue.qwen.client._functions import check_blocking
from reelqueue.qwen.client._reading import (
    CountedStream,
    check_can_stream,
    event_source,
    httpx_options,
    settings_from,
    trace,
)
from reelqueue.qwen.client._runs import Ask, Call, ObjectAnswer, Run, Steps, ToolRun, object_steps, tool_steps
from reelqueue.qwen.request import TextRequest, parse_text_request
from reelqueue.qwen.settings import QwenSettings
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text
from reelqueue.steps import run_steps

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class TextReply:
    """A call that was sent and whose answer began; close it, or read it to its end."""

    def __init__(self, response: httpx.Response, exchange: Exchange) -> None:
        self._response = response
        self._exchange = exchange
        self._is_stream = exchange.begin(response.status_code, response.headers)
        self._was_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def request_id(self) -> str | None:
        """The provider's id of the call."""
        return self._exchange.request_id

    @property
    def partial(self) -> Answer:
        """What has come so far."""
        return self._exchange.partial()

    def events(self) -> Iterator[TextDelta]:
        """The answer piece by piece, as it comes; once.

        Raises:
            TextError: It failed or stopped coming.
        """
        if self._was_read:
            return
        self._was_read = True
        exchange = self._exchange
        with exchange.reading():
            try:
                if not self._is_stream:
                    exchange.take_whole(self._response.read())
                    return
                for event in event_source(self._response).iter_sse():
                    yield from exchange.take(event.data)
                    if exchange.is_over:
                        break
            finally:
                self._response.close()

    def answer(self) -> Answer:
        """The whole answer; reads what was not read.

        Raises:
            TextError: It is not whole; `TextError.partial` has what came.
        """
        for _ in self.events():
            pass
        return self._exchange.answer()

    def close(self) -> None:
        """Close the connection; what was not read is lost, and billed as far as it was made."""
        self._response.close()


class QwenClient:
    """Asks the language models; one HTTP request a call, never more.

    Args:
        settings: Where, as whom and how; also as a mapping in snake_case or camelCase.

    Raises:
        ConfigurationError: A setting is wrong, or there is no key.
    """

    def __init__(self, settings: QwenSettings | Mapping[str, object] | None = None) -> None:
        self._settings = settings_from(settings)
        self._key = self._settings.key()
        self._http = httpx.Client(**httpx_options(self._settings, httpx.BaseTransport))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what sends."""
        self._http.close()

    def build(self, request: TextRequest | Mapping[str, object], *, stream: bool | None = None) -> BuiltTextRequest:
        """The exact call that asks *request*; nothing is sent.

        Raises:
            InvalidRequestError: The service would refuse it.
        """
        parsed = request if isinstance(request, TextRequest) else parse_text_request(request)
        return build_text(parsed, self._settings, stream=stream)

    def send(self, built: BuiltTextRequest, *, last_look: Callable[[], object] | None = None) -> TextReply:
        """Send the one POST; the reply is there when its head is.

        Args:
            built: What to send.
            last_look: Called when the connection is there and the first byte is about to leave; what it raises keeps
                the request from being sent.

        Raises:
            TextNotSentError: No byte left.
            TextNoAnswerError: It may be billed.
        """
        if built.is_stream:
            check_can_stream()
        exchange = exchange_for(built, self._settings, self._key)
        headers = {**built.headers, "Authorization": f"Bearer {self._key}"}
        request = self._http.build_request(
            "POST",
            built.url,
            content=built.content,
            headers=headers,
            timeout=exchange.timeout,
            extensions={"trace": trace(last_look)} if last_look else None,
        )
        with exchange.sending():
            response = self._http.send(request, stream=True)
        response.stream = CountedStream(cast("httpx.SyncByteStream", response.stream), exchange)
        return TextReply(response, exchange)

    def ask(self, request: TextRequest | Mapping[str, object], *, stream: bool | None = None) -> Answer:
        """The whole answer to *request*.

        Args:
            request: What to ask.
            stream: How the answer travels; see `build_text`.

        Raises:
            InvalidRequestError: The service would refuse it; nothing was sent.
            TextError: No whole answer came; its class says whether it may be billed.
        """
        with self.send(self.build(request, stream=stream)) as reply:
            return reply.answer()

    def stream(self, request: TextRequest | Mapping[str, object]) -> TextReply:
        """Send *request* and give its answer as it comes; use it as a context manager.

        Raises:
            InvalidRequestError: The service would refuse it; nothing was sent.
            TextError: No answer began.
        """
        return self.send(self.build(request, stream=True))

    def ask_with_tools(
        self,
        request: TextRequest | Mapping[str, object],
        functions: Sequence[Callable[..., Any]],
        *,
        max_rounds: int = 8,
        max_cost: Decimal | None = None,
    ) -> ToolRun:
        """The answer to *request*, with *functions* called as the model asks for them.

        Args:
            request: What to ask; an answer that calls one of its own tools is the last one, and the caller's to go on
                from.
            functions: Typed by their signatures; what they raise is handed back to the model.
            max_rounds: Most calls of the model.
            max_cost: No call is made that could bring the run above it, in the currency of the prices.

        Raises:
            InvalidRequestError: The request or a function cannot be used; nothing was sent.
            TextGivenUpError: A bound was reached.
            TextError: A call gave no whole answer; `TextError.earlier` has those before it.
        """
        check_blocking(functions)
        run = Run(self.build, max_cost)
        return self._drive(tool_steps(run, self._parsed(request), functions, max_rounds))

    def ask_object(
        self,
        request: TextRequest | Mapping[str, object],
        kind: type[M],
        *,
        max_repairs: int = 2,
        max_cost: Decimal | None = None,
    ) -> ObjectAnswer[M]:
        """The answer to *request* as an object of *kind*.

        Args:
            request: What to ask.
            kind: A pydantic model.
            max_repairs: How often an answer that does not fit is sent back with what is wrong; each is a paid call.
            max_cost: No call is made that could bring the run above it, in the currency of the prices.

        Raises:
            InvalidRequestError: The service would refuse it; nothing was sent.
            TextGivenUpError: No answer fitted, or a bound was reached.
            TextError: A call gave no whole answer; `TextError.earlier` has those before it.
        """
        run = Run(self.build, max_cost)
        return self._drive(object_steps(run, self._parsed(request), kind, max_repairs))

    def _parsed(self, request: TextRequest | Mapping[str, object]) -> TextRequest:
        return request if isinstance(request, TextRequest) else parse_text_request(request)

    def _drive(self, steps: Steps[T]) -> T:
        # The run decides what an error of a step means, also of a caller's own function.
        return run_steps(steps, self._perform, handled=Exception)

    def _perform(self, step: Ask | Call) -> object:
        if isinstance(step, Call):
            return step.function(**step.arguments)
        with self.send(step.built) as reply:
            return reply.answer()
