"""The lines of a batch's result files, as answers and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from reelqueue.qwen.answer import Answer
from reelqueue.qwen.answers.exchange import Exchange
from reelqueue.qwen.batch.questions import BatchQuestion, batch_price
from reelqueue.qwen.errors import TextError, TextMaybeBilledError, TextRefusedError
from reelqueue.qwen.settings import QwenSettings
from reelqueue.states import FailureClass
from reelqueue.strict_json import read_json


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one line; it has an answer or an error."""

    custom_id: str
    answer: Answer | None
    error: TextError | None
    """A `TextRefusedError` where nothing is billed, which holds for every line that did not succeed."""


def read_results(content: bytes, questions: Iterable[BatchQuestion], settings: QwenSettings) -> dict[str, BatchResult]:
    """The results in a file, by custom id; what is no line of this batch is left out.

    Args:
        content: Of the output file or the error file; of both, one after the other.
        questions: Of the batch.
        settings: Of the client that sent it.
    """
    asked = {question.custom_id: question for question in questions}
    found: dict[str, BatchResult] = {}
    for row in content.split(b"\n"):
        custom_id, line = read_line(row)
        if custom_id is not None and custom_id in asked and custom_id not in found:
            found[custom_id] = result_of(asked[custom_id], line, settings)
    return found


def read_line(row: bytes) -> tuple[str | None, Mapping[str, object]]:
    """One line of a result file, and which question it is about; None: it is no result."""
    line = _object(_json(row))
    custom_id = line.get("custom_id")
    return custom_id if isinstance(custom_id, str) else None, line


def is_answered(line: Mapping[str, object]) -> bool:
    """Whether a line is one of those that a batch counts as completed, and bills."""
    return _object(line.get("response")).get("status_code") == HTTPStatus.OK


def result_of(question: BatchQuestion, line: Mapping[str, object], settings: QwenSettings) -> BatchResult:
    """What a line says became of a question."""
    response = _object(line.get("response"))
    status, request_id = response.get("status_code"), str(response.get("request_id") or line.get("id") or "")
    if not isinstance(status, int):
        return BatchResult(question.custom_id, None, _undone(line, request_id))
    price = batch_price(question.built.model, question.built.region, settings)
    exchange = Exchange(question.built, settings.limits, price)
    exchange.begin(status, {"content-type": "application/json", "x-request-id": request_id})
    try:
        exchange.take_whole(json.dumps(response.get("body")).encode())
        return BatchResult(question.custom_id, exchange.answer(), None)
    except TextError as error:
        is_free = status != 200 and isinstance(error, TextMaybeBilledError)
        return BatchResult(question.custom_id, None, _refused(error) if is_free else error)


def _refused(error: TextError) -> TextRefusedError:
    """A failure of a line, which a batch does not bill."""
    return TextRefusedError(
        error.message,
        failure=error.failure,
        http_status=error.http_status,
        code=error.code,
        request_id=error.request_id,
    )


def _undone(line: Mapping[str, object], request_id: str) -> TextRefusedError:
    said = _object(line.get("error"))
    message = str(said.get("message") or "the line was not answered")
    code = said.get("code")
    return TextRefusedError(
        message,
        failure=FailureClass.PROVIDER,
        code=code if isinstance(code, str) else None,
        request_id=request_id or None,
    )


def _json(row: bytes) -> object:
    try:
        # Half a character, where an answer was cut, is no UTF-8, and no reason to lose the rest.
        return read_json(row.decode(errors="replace")) if row.strip() else None
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
