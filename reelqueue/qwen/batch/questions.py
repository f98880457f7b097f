"""The file of questions that a batch is made of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Final

from reelqueue.catalog.text_price_list import TextPrice
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.cost import most_it_may_cost, price_of
from reelqueue.qwen.request import TextRequest
from reelqueue.qwen.settings import QwenSettings
from reelqueue.qwen.wire.builder import BuiltTextRequest, build_text

ENDPOINT: Final = "/v1/chat/completions"
LINES_MAX: Final = 50_000
LINE_BYTES_MAX: Final = 6 * 1024 * 1024
FILE_BYTES_MAX: Final = 500 * 1024 * 1024
"""Limits of the service (Model Studio, OpenAI-compatible batch, February 2026)."""
_STREAMING: Final = frozenset({"stream", "stream_options"})


@dataclasses.dataclass(frozen=True, slots=True)
class BatchQuestion:
    """One line of a batch."""

    custom_id: str
    """Names the line in the results."""
    built: BuiltTextRequest
    """What it asks; `max_cost` is that of a batch."""

    def line(self) -> bytes:
        """The line as the file has it."""
        line = {"custom_id": self.custom_id, "method": "POST", "url": ENDPOINT, "body": dict(self.built.body)}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def batch_questions(requests: Mapping[str, TextRequest], settings: QwenSettings) -> list[BatchQuestion]:
    """Requests as the lines of one batch.

    Args:
        requests: By their custom ids.
        settings: Of the client that sends them.

    Raises:
        InvalidRequestError: The service would refuse a line, or the lines cannot be in one batch.
    """
    questions = [batch_question(custom_id, request, settings) for custom_id, request in requests.items()]
    if not 1 <= len(questions) <= LINES_MAX:
        raise InvalidRequestError("too_many_lines", f"a batch has 1 to {LINES_MAX} lines, not {len(questions)}")
    modes = {(one.built.model, one.built.body.get("enable_thinking")) for one in questions}
    if len(modes) > 1:
        seen = ", ".join(sorted(f"{model} (enable_thinking {thinks})" for model, thinks in modes))
        raise InvalidRequestError("mixed_batch", f"a batch has one model and one thinking mode, not {seen}", "model")
    return questions


def batch_file(questions: Iterable[BatchQuestion]) -> bytes:
    """The file of some questions.

    Raises:
        InvalidRequestError: The file is too long.
    """
    lines = [question.line() for question in questions]
    content = b"".join(lines)
    if len(content) > FILE_BYTES_MAX:
        raise InvalidRequestError("too_long", f"the batch has {len(content)} bytes; {FILE_BYTES_MAX} is the most")
    return content


def batch_price(model: str, region: str, settings: QwenSettings) -> TextPrice | None:
    """What tokens of a batch cost: half; None where no price is known."""
    price = settings.prices.get(model) or price_of(model, region)
    if price is None:
        return None
    tiers = tuple(
        dataclasses.replace(
            tier, input=tier.input / 2, output=tier.output / 2, thinking_output=tier.thinking_output / 2
        )
        for tier in price.tiers
    )
    return dataclasses.replace(price, tiers=tiers)


def batch_question(custom_id: str, request: TextRequest, settings: QwenSettings) -> BatchQuestion:
    """One request as a line of a batch.

    Args:
        custom_id: Names it in the results.
        request: What it asks.
        settings: Of the client that sends it.

    Raises:
        InvalidRequestError: The service would refuse the line.
    """
    if not custom_id:
        raise InvalidRequestError("missing_option", "every line of a batch needs a custom id", "custom_id")
    if request.headers:
        raise InvalidRequestError("bad_header", f"{custom_id}: a line of a batch has no headers", "headers")
    # As a stream: what many models refuse as a whole answer is taken in a batch.
    built = build_text(request, settings, stream=True)
    body = {name: value for name, value in built.body.items() if name not in _STREAMING}
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    most = most_it_may_cost(body, batch_price(built.model, built.region, settings))
    question = BatchQuestion(custom_id, dataclasses.replace(built, body=body, content=content, max_cost=most))
    return _checked(question)


def _checked(question: BatchQuestion) -> BatchQuestion:
    length = len(question.line())
    if length > LINE_BYTES_MAX:
        raise InvalidRequestError("too_long", f"a line has {length} bytes; {LINE_BYTES_MAX} is the most")
    return question
