"""Render thousands of AI videos without losing one or paying for one twice.

>>> from reelqueue import build, parse_request
>>> request = parse_request({"model": "wan2.6-t2v", "prompt": "a paper boat", "resolution": "720P"})
>>> build(request).body["parameters"]
{'size': '1280*720'}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from reelqueue.version import VERSION as __version__  # noqa: N811  the name that tools look for

if TYPE_CHECKING:
    from reelqueue.builder import BuiltRequest, build
    from reelqueue.catalog import MODELS, Mode, ModelSpec, lookup
    from reelqueue.client import AsyncClient, AsyncRenderJobHandle, Client, RenderJobHandle
    from reelqueue.errors import (
        ApiError,
        AuthenticationError,
        ConfigurationError,
        ConflictError,
        InvalidRequestError,
        NotFoundError,
        ReelqueueError,
        RenderJobError,
        TextJobError,
        UnavailableError,
        WaitTimeoutError,
    )
    from reelqueue.media.data_uri import data_uri
    from reelqueue.pricing import CostEstimate, estimate, region_of
    from reelqueue.requests.base import RenderRequest
    from reelqueue.requests.media_item import MediaItem, MediaSource
    from reelqueue.requests.options import RequestOptions
    from reelqueue.requests.parse import parse_request
    from reelqueue.requests.types import ImageToVideo, ReferenceToVideo, TextToVideo, VideoEdit
    from reelqueue.schemas.grouping import Grouping
    from reelqueue.schemas.jobs import Job
    from reelqueue.schemas.statement import Statement
    from reelqueue.schemas.texts import TextJob
    from reelqueue.schemas.why import Why
    from reelqueue.states import TERMINAL, FailureClass, RenderState, TextState

__all__ = [
    "MODELS",
    "TERMINAL",
    "ApiError",
    "AsyncClient",
    "AsyncRenderJobHandle",
    "AuthenticationError",
    "BuiltRequest",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "CostEstimate",
    "FailureClass",
    "Grouping",
    "ImageToVideo",
    "InvalidRequestError",
    "Job",
    "MediaItem",
    "MediaSource",
    "Mode",
    "ModelSpec",
    "NotFoundError",
    "ReelqueueError",
    "ReferenceToVideo",
    "RenderJobError",
    "RenderJobHandle",
    "RenderRequest",
    "RenderState",
    "RequestOptions",
    "Statement",
    "TextJob",
    "TextJobError",
    "TextState",
    "TextToVideo",
    "UnavailableError",
    "VideoEdit",
    "WaitTimeoutError",
    "Why",
    "__version__",
    "build",
    "data_uri",
    "estimate",
    "lookup",
    "parse_request",
    "region_of",
]

# Names are fetched when first asked for: a producer that only sends task names or compares states shall not
# wait for pydantic and httpx to load.
_HOMES: Final = {
    "builder": ("BuiltRequest", "build"),
    "catalog": ("MODELS", "Mode", "ModelSpec", "lookup"),
    "client": ("AsyncClient", "AsyncRenderJobHandle", "Client", "RenderJobHandle"),
    "errors": (
        "ApiError",
        "AuthenticationError",
        "ConfigurationError",
        "ConflictError",
        "InvalidRequestError",
        "NotFoundError",
        "ReelqueueError",
        "RenderJobError",
        "TextJobError",
        "UnavailableError",
        "WaitTimeoutError",
    ),
    "media.data_uri": ("data_uri",),
    "pricing": ("CostEstimate", "estimate", "region_of"),
    "requests.base": ("RenderRequest",),
    "requests.media_item": ("MediaItem", "MediaSource"),
    "requests.options": ("RequestOptions",),
    "requests.parse": ("parse_request",),
    "requests.types": ("ImageToVideo", "ReferenceToVideo", "TextToVideo", "VideoEdit"),
    "schemas.grouping": ("Grouping",),
    "schemas.jobs": ("Job",),
    "schemas.statement": ("Statement",),
    "schemas.why": ("Why",),
    "schemas.texts": ("TextJob",),
    "states": ("TERMINAL", "FailureClass", "RenderState", "TextState"),
}
_HOME_BY_NAME: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME_BY_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
