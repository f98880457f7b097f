"""A text request as the exact HTTP request that the service gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import PydanticCustomError

from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import region_of
from reelqueue.qwen.cost import TextCost, most_it_may_cost, price_of
from reelqueue.qwen.request import TextRequest
from reelqueue.qwen.settings import QwenSettings, check_headers, read_settings
from reelqueue.qwen.wire.body import body_of
from reelqueue.qwen.wire.images import check_total
from reelqueue.qwen.wire.rules import check, may_think
from reelqueue.version import USER_AGENT

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""The service's gateway refuses more (Model Studio, rate limits page, autumn 2026)."""


@dataclass(frozen=True, slots=True)
class BuiltTextRequest:
    """One call, complete but for the key."""

    url: str
    headers: Mapping[str, str]
    """Every header but ``Authorization``."""
    body: Mapping[str, Any]
    content: bytes
    """The body as it is sent."""
    warnings: tuple[str, ...]
    """What its sender should know, one sentence each."""
    region: str
    """Whose prices hold."""
    max_cost: TextCost | None
    """The most that the call may cost; None where no price is known."""

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.body["model"])

    @property
    def is_stream(self) -> bool:
        """Whether the answer is streamed."""
        return self.body.get("stream") is True


def build_text(
    request: TextRequest, settings: QwenSettings | None = None, *, stream: bool | None = None
) -> BuiltTextRequest:
    """The call that asks *request*; nothing is sent.

    Args:
        request: What to ask.
        settings: Where, and how; the defaults unless given.
        stream: Whether to stream the answer; unless given, where it may begin with thoughts: many models refuse whole
            answers then, and a whole answer is cut at 300 s.

    Raises:
        InvalidRequestError: The service would refuse it.
        ConfigurationError: ``REELQUEUE_TEXT_BASE_URL`` is no URL.
    """
    settings = settings or read_settings()
    is_stream = may_think(request, thinking=settings.thinking) if stream is None else stream
    warnings = check(request, thinking=settings.thinking, stream=is_stream)
    headers, header_warnings = _headers(request, settings)
    try:
        body = body_of(request, thinking=settings.thinking) | _streaming(settings, is_stream=is_stream)
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError("bad_text", "a text holds half of a surrogate pair", None) from error
    except ValueError as error:
        raise InvalidRequestError("bad_json", f"a value cannot be JSON: {error}", None) from error
    if len(content) > BODY_BYTES_MAX:
        raise InvalidRequestError("too_long", f"the request has {len(content)} bytes; {BODY_BYTES_MAX} is the most")
    check_total(_pictures(body["messages"]))
    region = region_of(settings.base_url)
    price = settings.prices.get(request.model) or price_of(request.model, region)
    return BuiltTextRequest(
        url=f"{settings.base_url}/chat/completions",
        headers=headers,
        body=body,
        content=content,
        warnings=(*warnings, *header_warnings, *_price_warnings(request.model, region, has_price=price is not None)),
        region=region,
        max_cost=most_it_may_cost(body, price),
    )


def _streaming(settings: QwenSettings, *, is_stream: bool) -> dict[str, Any]:
    if not is_stream:
        return {}
    return {"stream": True} | ({"stream_options": {"include_usage": True}} if settings.include_usage else {})


def _headers(request: TextRequest, settings: QwenSettings) -> tuple[dict[str, str], list[str]]:
    own = request.headers or {}
    try:
        check_headers(own)
    except PydanticCustomError as error:
        raise InvalidRequestError("bad_header", f"headers: {error.message()}", "headers") from error
    merged: dict[str, tuple[str, str]] = {}
    for headers in (settings.headers, own, {"Content-Type": "application/json", "User-Agent": USER_AGENT}):
        merged |= {name.lower(): (name, value) for name, value in headers.items()}
    is_rival = merged.pop("authorization", None) is not None
    return dict(merged.values()), [
        "the header Authorization is not sent: the key of the settings is"
    ] if is_rival else []


def _price_warnings(model: str, region: str, *, has_price: bool) -> list[str]:
    return [] if has_price else [f"no price is known for {model} in {region}, so its cost is unknown"]


def _pictures(messages: list[dict[str, Any]]) -> list[str]:
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
