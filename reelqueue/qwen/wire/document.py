"""A text request as the JSON object that it can be read back from: for storing it, and for sending it to the API."""

from __future__ import annotations

from typing import Any

from reelqueue.qwen.messages import ImagePart, Message, UserMessage
from reelqueue.qwen.request import TextRequest
from reelqueue.qwen.wire.images import image_url


def text_document(request: TextRequest) -> dict[str, Any]:
    """*request* in snake_case without what is None; `parse_text_request` reads the same request from it.

    Pictures that were given as bytes become data URLs.

    Raises:
        InvalidRequestError: A picture is of no known kind, or too big.
    """
    if request.messages is not None:
        request = request.model_copy(update={"messages": tuple(map(_portable, request.messages))})
    return request.model_dump(mode="json", exclude_none=True)


def _portable(message: Message) -> Message:
    if not isinstance(message, UserMessage) or isinstance(message.content, str):
        return message
    parts = [
        part.model_copy(update={"image": image_url(part), "media_type": None}) if isinstance(part, ImagePart) else part
        for part in message.content
    ]
    return message.model_copy(update={"content": tuple(parts)})
