"""Parse successful responses of the API into typed values."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import httpx

from reelqueue.client._problems import unreadable

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")


def read(model: type[M], response: httpx.Response) -> M:
    """The *model* that an answer's body is.

    Raises:
        ApiError: the body is something else, so something else than Reelqueue has answered.
    """
    try:
        return model.model_validate_json(response.content)
    except ValueError as error:  # pydantic's ValidationError is one
        raise unreadable(response) from error
