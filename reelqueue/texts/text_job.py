"""A text job as a producer sends it: a text request, and beside it what the queue is told.

>>> request, options = parse_text_job({"model": "qwen-plus", "prompt": "Name a boat.", "maxCost": "0.02 USD"})
>>> request.prompt, options.max_cost.amount
('Name a boat.', Decimal('0.02'))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_snake

from reelqueue.campaigns.options import Budget
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.request import TextRequest, parse_text_request
from reelqueue.qwen.wire.document import text_document
from reelqueue.requests.base import StrictModel
from reelqueue.requests.fields import CustomId, Headers, JsonObject, Priority, StartBy, Switch

OnLostAnswer: TypeAlias = Literal["retry_once", "hold"]
"""What becomes of a job whose answer was lost."""


class TextJobOptions(StrictModel):
    """What the queue is told beside the request."""

    stream: Switch = False
    """Whether the answer can be watched while it comes."""
    batch: Switch = False
    """Whether it is asked in a batch with others: answered within a day, at half the price."""
    priority: Priority = 0
    """Higher is asked first."""
    on_lost_answer: OnLostAnswer = "retry_once"
    """What becomes of a job whose answer was lost, so that it may be billed without one: it is asked once more and may
    be paid twice, or held until a person decides."""
    max_cost: Budget | None = None
    """The most that all calls of the job together may cost, such as `0.05 USD`."""
    start_by: StartBy | None = None
    """The job expires if it has not been asked by then."""
    custom_id: CustomId | None = None
    """The producer's own name for the job."""
    metadata: JsonObject | None = None
    """The producer's own notes, handed back with the job."""


_HEADERS: Final = TypeAdapter(Headers)
_CODES: Final = {
    "extra_forbidden": "unknown_option",
    "missing": "missing_option",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "literal_error": "out_of_range",
    "bad_text": "bad_text",
    "bad_json": "bad_json",
    "too_long": "too_long",
}


def parse_text_job(data: Mapping[str, object]) -> tuple[TextRequest, TextJobOptions]:
    """The request and the options that a flat object stands for.

    Args:
        data: Options of `TextRequest` and of `TextJobOptions`, in snake_case or camelCase; None leaves one out.

    Raises:
        InvalidRequestError: It names an option that does not exist, or a value that is not taken.
    """
    beside = {name: value for name, value in data.items() if to_snake(name) in TextJobOptions.model_fields}
    request = parse_text_request({name: value for name, value in data.items() if name not in beside})
    try:
        if request.headers is not None:
            _HEADERS.validate_python(dict(request.headers))
        options = TextJobOptions.model_validate({name: value for name, value in beside.items() if value is not None})
    except ValidationError as error:
        raise _refusal(error) from error
    if options.batch and options.stream:
        raise InvalidRequestError(
            "conflicting_options", "stream: an answer in a batch cannot be watched; leave out stream or batch", "stream"
        )
    return request, options


def text_job_document(request: TextRequest, options: TextJobOptions) -> dict[str, Any]:
    """The flat JSON object that `parse_text_job` reads the same job from."""
    beside = options.model_dump(mode="json", exclude_defaults=True, exclude={"max_cost"})
    if options.max_cost is not None:
        beside["max_cost"] = f"{options.max_cost.amount:f} {options.max_cost.currency}"
    return text_document(request) | beside


def _refusal(error: ValidationError) -> InvalidRequestError:
    first = error.errors(include_url=False, include_input=False)[0]
    field = to_snake(str(first["loc"][0])) if first["loc"] and error.title != "dict[str,str]" else "headers"
    said = first["msg"].replace("Input should", "must").replace("Value error, ", "")
    return InvalidRequestError(_CODES.get(first["type"], "wrong_type"), f"{field}: {said}", field)
