"""The calls on files and batches; one HTTP request each, never more.

A batch that was created is found again by its name, so a lost answer to `QwenBatches.create` is looked up, never sent
again blindly.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import IO, Any, Final, Self

import httpx

from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.answers.exchange import BEFORE_ANY_BYTE, ON_THE_WAY
from reelqueue.qwen.answers.failures import Failure, read_failure
from reelqueue.qwen.batch.questions import ENDPOINT, FILE_BYTES_MAX, BatchQuestion, batch_file, batch_questions
from reelqueue.qwen.batch.results import BatchResult, read_results
from reelqueue.qwen.client._reading import httpx_options, settings_from, trace
from reelqueue.qwen.errors import (
    TextError,
    TextNoAnswerError,
    TextNotSentError,
    TextRefusedError,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.qwen.request import TextRequest, parse_text_request
from reelqueue.qwen.settings import QwenSettings
from reelqueue.strict_json import read_json
from reelqueue.version import USER_AGENT

NAME_CHARACTERS_MAX: Final = 100
_PAGE: Final = 100
_READ_SECONDS: Final = 60.0
"""Longest silence of the service, while a file is written to its disks, too."""
_DOCUMENT_BYTES_MAX: Final = 8 * 1024 * 1024
_RESULT_BYTES_MAX: Final = 2 * FILE_BYTES_MAX
"""Answers are longer than questions."""
_SECRET_CHARACTERS: Final = 12
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class TextBatch:
    """A batch at the provider."""

    id: str
    status: str
    """``validating``, ``in_progress``, ``finalizing``, ``completed``, ``failed``, ``expired``, ``cancelling`` or
    ``cancelled``."""
    name: str
    input_file_id: str
    result_file_ids: tuple[str, ...]
    """Of the answers and of the errors, as far as they are there."""
    errors: tuple[str, ...]
    """Why its file was refused."""
    total: int
    completed: int
    failed: int
    is_unread: bool
    """Whether the provider states that it has read no line of its file, and has written none."""

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in _OVER


class QwenBatches:
    """Files and batches of one account.

    Args:
        settings: Where and as whom; also as a mapping in snake_case or camelCase.

    Raises:
        ConfigurationError: A setting is wrong, or there is no key.
    """

    def __init__(self, settings: QwenSettings | Mapping[str, object] | None = None) -> None:
        self._settings = settings_from(settings)
        self._key = self._settings.key()
        limits = self._settings.limits
        timeout = httpx.Timeout(_READ_SECONDS, connect=limits.connect, write=limits.write)
        self._http = httpx.Client(timeout=timeout, **httpx_options(self._settings, httpx.BaseTransport))
        self._http.headers.update({**self._settings.headers, "User-Agent": USER_AGENT})
        self._http.headers["Authorization"] = f"Bearer {self._key}"
        self.provider_time: datetime | None = None
        """What the provider's clock said in its last answer; None where that did not say, or none came."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what sends."""
        self._http.close()

    def build(self, requests: Mapping[str, TextRequest | Mapping[str, object]]) -> list[BatchQuestion]:
        """The lines of a batch, by their custom ids; nothing is sent.

        Raises:
            InvalidRequestError: The service would refuse one, or they cannot be in one batch.
        """
        parsed = {
            custom_id: request if isinstance(request, TextRequest) else parse_text_request(request)
            for custom_id, request in requests.items()
        }
        return batch_questions(parsed, self._settings)

    def upload(self, questions: Iterable[BatchQuestion], *, filename: str = "questions.jsonl") -> str:
        """Keep a file of questions at the provider, which costs nothing; its id.

        Raises:
            InvalidRequestError: The file is too long.
            TextError: It may be there without anybody knowing its id.
        """
        return self.upload_file(io.BytesIO(batch_file(questions)), filename=filename)

    def upload_file(self, content: IO[bytes], *, filename: str) -> str:
        """Keep a file of lines at the provider, which costs nothing; its id.

        Args:
            content: At its beginning; it is read piece by piece.
            filename: Its name at the provider.

        Raises:
            TextError: It may be there without anybody knowing its id.
        """
        files = {"file": (filename, content, "application/jsonl")}
        document = self._call("POST", "/files", data={"purpose": "batch"}, files=files)
        return _text(document, "id")

    def create(
        self,
        input_file_id: str,
        *,
        name: str,
        window_hours: int = 24,
        last_look: Callable[[], object] | None = None,
    ) -> TextBatch:
        """Make a batch of a file, which is paid for as its lines are answered.

        Args:
            input_file_id: Of the file.
            name: One of your own that no other batch has: `find` looks it up.
            window_hours: 24 to 336; what is not answered by then expires unpaid.
            last_look: Called when the connection is there and the first byte is about to leave; what it raises keeps
                the request from being sent.

        Raises:
            TextNotSentError, TextRefusedError: There is no batch.
            TextMaybeBilledError: There may be one; look it up before another is made.
        """
        if not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise InvalidRequestError("out_of_range", f"name: must have 1 to {NAME_CHARACTERS_MAX} characters", "name")
        asked = {
            "input_file_id": input_file_id,
            "endpoint": ENDPOINT,
            "completion_window": f"{window_hours}h",
            "metadata": {"ds_name": name},
        }
        extensions = {"trace": trace(last_look)} if last_look else None
        return _batch(self._call("POST", "/batches", json=asked, extensions=extensions))

    def find(self, name: str) -> list[TextBatch]:
        """The batches of the last 30 days that have exactly this name.

        Raises:
            TextError: A page could not be read, or may be cut, so nothing is known.
        """
        seen: dict[str, TextBatch] = {}
        after: dict[str, str] = {}
        while True:
            # The service takes every name that contains it.
            batches, has_more = self._page({"limit": str(_PAGE), "ds_name": name, **after})
            if has_more and seen.keys() >= {batch.id for batch in batches}:
                raise TextUnreadableError("/batches: the list says that it goes on, and does not")
            seen |= {batch.id: batch for batch in batches}
            if not has_more:
                return [batch for batch in seen.values() if batch.name == name]
            after = {"after": batches[-1].id}

    def _page(self, params: Mapping[str, str]) -> tuple[list[TextBatch], bool]:
        """A page of the list, and whether there are more; what is no whole page would prove that a batch is absent."""
        page = self._call("GET", "/batches", params=params)
        rows, has_more = page.get("data"), page.get("has_more")
        if not isinstance(rows, list) or not isinstance(has_more, bool):
            raise TextUnreadableError("/batches: what came is no list of batches")
        return [_batch(_object(row)) for row in rows], has_more

    def get(self, batch_id: str) -> TextBatch:
        """A batch as it is now."""
        return _batch(self._call("GET", f"/batches/{batch_id}"))

    def cancel(self, batch_id: str) -> TextBatch:
        """Let no more lines begin; those that were answered are billed."""
        return _batch(self._call("POST", f"/batches/{batch_id}/cancel"))

    def results(self, batch: TextBatch, questions: Iterable[BatchQuestion]) -> dict[str, BatchResult]:
        """What became of the lines of a batch that is over, by custom id; a line that is missing was not answered.

        Raises:
            TextError: A file could not be read.
        """
        content = b"\n".join(self._content(file_id) for file_id in batch.result_file_ids)
        return read_results(content, questions, self._settings)

    def read_file(self, file_id: str, into: IO[bytes]) -> None:
        """Write the content of a file, piece by piece.

        Raises:
            TextError: It could not be read, and *into* may have a part of it.
        """
        path = f"/files/{file_id}/content"
        with self._sent("GET", path) as response:
            if response.status_code != 200:
                raise self._refusal(response, _read(response, path, _DOCUMENT_BYTES_MAX))
            for chunk in _bounded(response, path, _RESULT_BYTES_MAX):
                into.write(chunk)

    def delete_file(self, file_id: str) -> None:
        """Forget a file."""
        self._call("DELETE", f"/files/{file_id}")

    def _content(self, file_id: str) -> bytes:
        return self._send("GET", f"/files/{file_id}/content", bytes_max=_RESULT_BYTES_MAX)

    def _call(self, method: str, path: str, **rest: Any) -> Mapping[str, Any]:
        document = _json(self._send(method, path, bytes_max=_DOCUMENT_BYTES_MAX, **rest))
        if not isinstance(document, dict):
            raise TextUnreadableError(f"{path}: what came is no JSON object")
        return document

    def _send(self, method: str, path: str, *, bytes_max: int, **rest: Any) -> bytes:
        with self._sent(method, path, **rest) as response:
            body = _read(response, path, bytes_max)
        if response.status_code != 200:
            raise self._refusal(response, body)
        return body

    @contextmanager
    def _sent(self, method: str, path: str, **rest: Any) -> Iterator[httpx.Response]:
        url = f"{self._settings.base_url}{path}"
        self.provider_time = None
        with _sending(path), self._http.stream(method, url, **rest) as response:
            self.provider_time = _moment(response.headers.get("date"))
            yield response

    def _refusal(self, response: httpx.Response, body: bytes) -> TextError:
        status = response.status_code
        failure = read_failure(_json(body)) or Failure(f"{status} without a word")
        # 408 is a gateway's, which may have passed the request on.
        kind: type[TextError] = TextRefusedError if 300 <= status < 500 and status != 408 else TextServerError
        return kind(
            self._without_key(f"{status}: {failure.message}"),
            failure=failure.class_of(status),
            http_status=status,
            code=failure.code and self._without_key(failure.code),
            request_id=response.headers.get("x-request-id"),
            retry_after_seconds=failure.retry_after_seconds(response.headers.get("retry-after")),
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if len(self._key) >= _SECRET_CHARACTERS else text


@contextmanager
def _sending(path: str) -> Iterator[None]:
    try:
        yield
    except BEFORE_ANY_BYTE as error:
        raise TextNotSentError(f"{path}: the service cannot be reached: {type(error).__name__}") from error
    except ON_THE_WAY as error:
        raise TextNoAnswerError(f"{path}: no answer came: {type(error).__name__}") from error


def _read(response: httpx.Response, path: str, bytes_max: int) -> bytes:
    return b"".join(_bounded(response, path, bytes_max))


def _bounded(response: httpx.Response, path: str, bytes_max: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > bytes_max:
            raise TextUnreadableError(f"{path}: the answer has more than {bytes_max} bytes")
        yield chunk


def _moment(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _batch(document: Mapping[str, Any]) -> TextBatch:
    metadata, counts = _object(document.get("metadata")), _object(document.get("request_counts"))
    files = (document.get("output_file_id"), document.get("error_file_id"))
    return TextBatch(
        id=_text(document, "id"),
        status=_text(document, "status"),
        name=str(metadata.get("ds_name") or ""),
        input_file_id=str(document.get("input_file_id") or ""),
        result_file_ids=tuple(str(file_id) for file_id in files if file_id),
        errors=tuple(json.dumps(row, ensure_ascii=False) for row in _rows(_object(document.get("errors")))),
        total=_count(counts, "total"),
        completed=_count(counts, "completed"),
        failed=_count(counts, "failed"),
        is_unread=counts.get("total") == 0 and not any(files),
    )


def _rows(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = document.get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise TextUnreadableError(f"the answer has no {name}")
    return value


def _count(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) else 0


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _json(content: bytes) -> object:
    try:
        return read_json(content)
    except ValueError:
        return None
