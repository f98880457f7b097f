"""One call from its first byte to its end, without I/O: what the drivers of both clients share.

A driver sends `built` once, hands in status and headers, then either events or the whole body, and asks for the
answer. Every way in which that can fail becomes the `TextError` that says what is known about the bill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from reelqueue.catalog.text_price_list import TextPrice
from reelqueue.egress import WIRE_ERRORS
from reelqueue.qwen.answer import Answer, TextDelta
from reelqueue.qwen.answers.assembly import FAILED_FINISH, MODERATED_FINISH, Assembly, TooLongError
from reelqueue.qwen.answers.failures import Failure, read_failure
from reelqueue.qwen.cost import cost_of, price_of
from reelqueue.qwen.errors import (
    TextError,
    TextFailedError,
    TextIncompleteError,
    TextNoAnswerError,
    TextNotSentError,
    TextRefusedError,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.qwen.settings import QwenSettings, TextTimeLimits
from reelqueue.qwen.usage import read_usage
from reelqueue.qwen.wire.builder import BuiltTextRequest
from reelqueue.states import FailureClass
from reelqueue.strict_json import read_json

WHOLE_BYTES_MAX: Final = 32 * 1024 * 1024
STREAM_BYTES_MAX: Final = 256 * 1024 * 1024
"""A stream repeats 300 bytes around each token; the longest answer of any model has 400,000."""

# Raised by httpx before the first byte of a request is written. A refused CONNECT of a proxy is
# among them: the request itself is written only inside the tunnel.
BEFORE_ANY_BYTE: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
# OSError: a transport of the caller's own may raise it.
ON_THE_WAY: Final = (*WIRE_ERRORS, httpx.StreamError, OSError)
_SECRET_CHARACTERS: Final = 12
NOT_THE_SERVICES: Final = "an answer that is none of the service's; look at base_url and proxies"
"""Of a refusal that something else has written: a proxy, or another service at the address."""
_PARTIAL_HEADER: Final = "x-dashscope-partialresponse"


class _SilentError(Exception):
    """The stream went on without an event, or for too long."""


class Exchange:
    """The state of one call.

    Args:
        built: What is sent.
        limits: How long it may take.
        price: Makes a cost of the usage; without it none is known.
        key: Is quoted by no error, also where an answer quotes it.
        monotonic: Seconds that only go forward.
    """

    def __init__(
        self,
        built: BuiltTextRequest,
        limits: TextTimeLimits,
        price: TextPrice | None,
        *,
        key: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.built = built
        self.is_over: bool = False
        """Whether the rest of the stream says nothing more."""
        self._limits = limits
        self._price = price
        # A shorter key guards nothing but the simulator, and its letters may stand in any answer.
        self._key = key if len(key) >= _SECRET_CHARACTERS else ""
        self._monotonic = monotonic
        self._assembly = Assembly()
        self._began_at = self._heard_at = monotonic()
        self._bytes = 0
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}

    @property
    def timeout(self) -> httpx.Timeout:
        """As httpx takes it."""
        limits = self._limits
        read = limits.idle if self.built.is_stream else limits.whole
        return httpx.Timeout(connect=limits.connect, write=limits.write, read=read, pool=limits.connect)

    @property
    def request_id(self) -> str | None:
        """The provider's id of the call."""
        return self._headers.get("x-request-id")

    def partial(self) -> Answer:
        """What has come so far."""
        seen = self._assembly
        usage = read_usage(seen.usage, thought=bool(seen.reasoning))
        cost = cost_of(usage, self._price) if usage and self._price else self.built.max_cost
        return Answer(
            model=seen.model or self.built.model,
            text=seen.text,
            reasoning=seen.reasoning,
            tool_calls=seen.tool_calls,
            finish_reason=seen.finish_reason,
            usage=usage,
            cost=cost,
            request_id=self.request_id,
        )

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Around the one POST.

        Raises:
            TextNotSentError, TextNoAnswerError: In place of what httpx raises.
        """
        try:
            yield
        except BEFORE_ANY_BYTE as error:
            host = httpx.URL(self.built.url).host
            raise TextNotSentError(f"{host} cannot be reached: {_name(error)}") from error
        except ON_THE_WAY as error:
            raise TextNoAnswerError(f"the request left and no answer came: {_name(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around everything that reads the answer.

        Raises:
            TextError: In place of what httpx raises, unless the answer had reached its end.
        """
        try:
            yield
        except TooLongError as error:
            raise self._error(TextUnreadableError, str(error)) from error
        except _SilentError as error:
            if self._assembly.finish_reason is None:
                raise self._error(TextNoAnswerError, str(error)) from error
        except ON_THE_WAY as error:
            # After its end an answer is whole, also if its usage is lost with the connection.
            if self._assembly.finish_reason is None:
                raise self._error(TextNoAnswerError, f"the answer stopped coming: {_name(error)}") from error

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take the head of the answer; whether events follow (else a whole body does)."""
        self._status = status
        self._headers = headers
        self._heard_at = self._monotonic()
        return status == 200 and self.built.is_stream and _media_type(headers) == "text/event-stream"

    def count(self, chunk: bytes) -> bytes:
        """*chunk*, as it came, within what may come and for as long as it may take."""
        self._bytes += len(chunk)
        most = STREAM_BYTES_MAX if self.built.is_stream else WHOLE_BYTES_MAX
        if self._bytes > most:
            raise TooLongError(f"the answer has more than {most} bytes")
        now, limits = self._monotonic(), self._limits
        if self.built.is_stream and now - self._heard_at > limits.idle:
            raise _SilentError(f"no event within {limits.idle:g} s")
        total = limits.total if self.built.is_stream else limits.whole
        if now - self._began_at > total:
            raise _SilentError(f"the answer did not end within {total:g} s")
        return chunk

    def take(self, data: str) -> list[TextDelta]:
        """Take the data of the next event; what it adds to the answer.

        Raises:
            TextFailedError: The service says that it failed.
            TextUnreadableError: It is no chunk of an answer.
        """
        self._heard_at = self._monotonic()
        if data.strip() == "[DONE]":
            self.is_over = True
            return []
        return self._chunk(data) if data.strip() else []

    def take_whole(self, body: bytes) -> None:
        """Take the whole body of an answer or a refusal.

        Raises:
            TextError: It is no answer.
        """
        if self._status != 200:
            raise self._refusal(body)
        document = _json(body)
        if self.built.is_stream and read_failure(document) is None:
            if isinstance(document, dict):
                self._assembly.take(document)  # it is no answer to what was asked, but may be what was paid for
            seen = _media_type(self._headers) or "no type"
            raise self._error(TextUnreadableError, f"200 with {seen} in place of a stream")
        self._chunk(body)

    def answer(self) -> Answer:
        """The answer, if it is whole.

        Raises:
            TextIncompleteError: It ended in the middle.
        """
        found = self.partial()
        if found.finish_reason is not None:
            return found
        seen = self._assembly.finish
        if self._headers.get(_PARTIAL_HEADER, "").lower() == "true":
            words = "the service cut the answer, which took it too long; stream it, or ask for less"
        else:
            words = f"the answer ended with {seen!r}, which is no end" if seen else "the answer ended in the middle"
        raise self._error(TextIncompleteError, words)

    def _chunk(self, data: str | bytes) -> list[TextDelta]:
        document = _json(data)
        if not isinstance(document, dict):
            raise self._error(TextUnreadableError, "what came is no JSON object")
        if (failure := read_failure(document)) is not None:
            raise self._error(TextFailedError, failure.message, failure)
        deltas = self._assembly.take(document)
        if self._assembly.finish == FAILED_FINISH:
            failure = Failure(_failed_text(document) or "error_finish without a word")
            raise self._error(TextFailedError, failure.message, failure)
        if self._assembly.finish == MODERATED_FINISH:
            failure = Failure("the content filter ended the answer", MODERATED_FINISH)
            raise self._error(TextFailedError, failure.message, failure)
        return deltas

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    def _refusal(self, body: bytes) -> TextError:
        status = self._status or 0
        failure = read_failure(_json(body))
        words = failure.message if failure else NOT_THE_SERVICES
        if status < 300:
            return self._error(TextUnreadableError, f"{status} in place of an answer", failure)
        # 408 is a gateway's, which may have passed the request on.
        is_refusal = status < 500 and status != 408
        kind: type[TextError] = TextRefusedError if is_refusal else TextServerError
        if is_refusal and failure is not None and failure.is_about_output(status):
            kind = TextFailedError  # it was written, and so may be billed
        return self._error(kind, f"{status}: {words}", failure or Failure(words))

    def _error(self, kind: type[TextError], message: str, failure: Failure | None = None) -> TextError:
        found = failure or Failure(message)
        has_begun = self._status == 200
        failure_class = FailureClass.PROVIDER if failure is None else found.class_of(self._status)
        return kind(
            self._without_key(message),
            failure=failure_class,
            http_status=self._status,
            code=found.code and self._without_key(found.code),
            request_id=self.request_id or found.request_id,
            retry_after_seconds=found.retry_after_seconds(self._headers.get("retry-after")),
            partial=self.partial() if has_begun else None,
        )


def exchange_for(built: BuiltTextRequest, settings: QwenSettings, key: str) -> Exchange:
    """The exchange of one call."""
    price = settings.prices.get(built.model) or price_of(built.model, built.region)
    return Exchange(built, settings.limits, price, key=key)


def _failed_text(chunk: Mapping[str, Any]) -> str:
    said = chunk["choices"][0].get("delta") or chunk["choices"][0].get("message") or {}
    return str(said.get("content") or "")


def _json(data: str | bytes) -> object:
    try:
        return read_json(data)
    except ValueError:
        return None


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _name(error: Exception) -> str:
    # A protocol error of ours quotes the header that cannot be sent, which may hold a key.
    said = "" if isinstance(error, httpx.LocalProtocolError) else str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
