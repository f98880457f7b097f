"""An answer before it is sent, so that a fault can still change it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from starlette.responses import Response

from simulator.errors import WireError
from simulator.texts.wire import text_error

_GZIP_ABOVE_BYTES: Final = 200

EVENT_STREAM: Final = "text/event-stream"

Delivery = Literal["normal", "drop", "hang", "trickle", "cut", "stall"]
"""How the bytes go out: all; none and the connection closes; none ever; one a second; a part, then closed; a part, and
then none ever."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, content and how to deliver them."""

    status: int = 200
    document: dict[str, Any] | None = None
    """JSON content; wins over `content`."""
    content: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Delivery = "normal"
    delay_seconds: float = 0.0
    """Real wait before the first byte."""
    response: Response | None = None
    """A ready response that streams a file; the other parts then only describe it."""

    def body(self) -> bytes:
        """The bytes to send, before compression."""
        if self.document is None:
            return self.content
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def error_reply(
    error: WireError, request_id: str, retry_after_seconds: int | None = None, *, is_text: bool = False
) -> Reply:
    """The service's error object: flat, or nested as language models have it."""
    headers = {}
    if error.status == 429 and retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
    if is_text:
        return Reply(error.status, text_error(error, request_id), headers=headers)
    document = {"code": error.code, "message": error.message, "request_id": request_id}
    return Reply(error.status, document, headers=headers)


def compressed(body: bytes, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """*body* and its headers, gzipped when the caller takes that; the service always does so."""
    if len(body) <= _GZIP_ABOVE_BYTES or "gzip" not in accept_encoding:
        return body, {}
    return gzip.compress(body, compresslevel=1, mtime=0), {"content-encoding": "gzip", "vary": "Accept-Encoding"}
