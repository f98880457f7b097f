"""A text job as its producer sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reelqueue.errors import InvalidRequestError
from reelqueue.qwen import TextRequest
from reelqueue.texts.options import TextOptions
from reelqueue.texts.text_job import TextJobOptions, parse_text_job, text_job_document

BOAT = {"model": "qwen-plus", "prompt": "Name a paper boat."}
BESIDE = {
    "stream": True, "priority": -3, "on_lost_answer": "hold", "max_cost": "0.0500 USD", "custom_id": "a",
    "start_by": "2026-12-01T00:00:00Z", "metadata": {"scene": 4},
}  # fmt: skip


def test_a_document_reads_back_as_the_same_job() -> None:
    request, options = parse_text_job({**BOAT, **BESIDE, "stopSequences": ["."], "enableThinking": False})

    assert parse_text_job(text_job_document(request, options)) == (request, options)
    assert (options.max_cost and options.max_cost.amount, options.priority) == (Decimal("0.05"), -3)
    assert options.start_by == datetime(2026, 12, 1, tzinfo=UTC)
    assert request.stop_sequences == (".",)


def test_what_is_not_said_is_not_in_the_document() -> None:
    assert text_job_document(*parse_text_job(BOAT)) == BOAT


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"max_cost": "5"}, "wrong_type", "max_cost"),
        ({"max_cost": "0 USD"}, "out_of_range", "max_cost"),
        ({"priority": 101}, "out_of_range", "priority"),
        ({"stream": "yes"}, "wrong_type", "stream"),
        ({"on_lost_answer": "never"}, "out_of_range", "on_lost_answer"),
        ({"custom_id": "a\0"}, "bad_text", "custom_id"),
        ({"headers": {"Authorization": "x"}}, "wrong_type", "headers"),
        ({"prority": 1}, "unknown_option", "prority"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_text_job({**BOAT, **given})

    assert (caught.value.code, caught.value.field) == (code, field)


def test_the_types_of_keywords_name_every_option() -> None:
    assert set(TextOptions.__annotations__) == {*TextRequest.model_fields, *TextJobOptions.model_fields}
