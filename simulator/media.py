"""Media inside request bodies: data URIs leave the body and become stored blobs."""

from __future__ import annotations

import base64
from typing import Any, Final

from simulator.store.media import MediaTable

BLOB_PREFIX: Final = "blob:"
OSS_PREFIX: Final = "oss://"


def set_media_aside(value: Any, media: MediaTable) -> Any:  # noqa: ANN401 - any JSON
    """A copy of *value* in which each readable data URI is the name of a stored blob.

    A picture sent with a thousand requests is then stored once, and listing tasks stays cheap.
    """
    if isinstance(value, dict):
        return {name: set_media_aside(member, media) for name, member in value.items()}
    if isinstance(value, list):
        return [set_media_aside(member, media) for member in value]
    if isinstance(value, str) and value.startswith("data:"):
        content = decode_data_uri(value)
        return value if content is None else BLOB_PREFIX + media.keep(content)
    return value


def decode_data_uri(uri: str) -> bytes | None:
    """The bytes of a base64 data URI, or ``None`` when it is not one."""
    head, separator, payload = uri.partition(",")
    if not separator or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(payload, validate=True)
    except ValueError:
        return None


def stored_content(source: str, media: MediaTable) -> bytes | None:
    """The bytes behind a ``blob:`` name or an ``oss://`` link; ``None`` for everything else."""
    if source.startswith(BLOB_PREFIX):
        return media.get(source.removeprefix(BLOB_PREFIX))
    if source.startswith(OSS_PREFIX):
        upload = media.upload(source.removeprefix(OSS_PREFIX))
        return None if upload is None else upload.content
    return None
