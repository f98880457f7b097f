"""Collect every error of one request, not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reelqueue.campaigns.expansion.local_images import beside
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request

_REFUSALS_MAX: Final = 8
"""Of one request; who corrects so many is sure to look again."""


def read_request(options: Mapping[str, object], folder: Path | None) -> RenderRequest | list[InvalidRequestError]:
    """The request that *options* spell, or all that is wrong with it.

    A refusal names one option. To find the next one, that option is left out and the rest read again; what is
    wrong only because it is missing then names the same option and is not told. So a good row costs one reading.

    Args:
        options: Of one clip.
        folder: Where pictures named by a path are; None refuses them.
    """
    left = dict(options)
    refusals: dict[str | None, InvalidRequestError] = {}
    while len(refusals) < _REFUSALS_MAX:
        try:
            placed = left if folder is None else beside(left, folder)
            request = parse_request(placed, local_files=folder is not None)
        except InvalidRequestError as error:
            if error.field in refusals:
                break
            refusals[error.field] = error
            if error.field in left and error.field != "model":
                del left[error.field]
            elif error.field == "prompt":
                left["prompt"] = "any"
            else:
                break
        else:
            return list(refusals.values()) or request
    return list(refusals.values())
