"""Parse successful responses of the API into typed values."""

from __future__ import annotations

from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from reelqueue.client._problems import unreadable

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], response: httpx.Response) -> M:
    """The *model* that an answer's body is.

    Raises:
        ApiError: the body is something else, so something else than Reelqueue has answered.
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise unreadable(response) from error
