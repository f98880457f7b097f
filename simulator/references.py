"""The pictures, videos and sounds of a wire body, whatever the protocol calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

_ROLE_BY_FIELD: Final = MappingProxyType(
    {"img_url": "first_frame", "first_frame_url": "first_frame", "last_frame_url": "last_frame"}
)
SHAPING_ROLES: Final = frozenset({"first_frame", "first_clip", "video"})
"""Media whose aspect the result takes."""
_VIDEO_SUFFIXES: Final = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One medium of a request."""

    role: str
    """The service's word: ``first_frame``, ``reference_image``, ..."""
    url: str

    @property
    def is_visible(self) -> bool:
        """Whether it is something to look at."""
        return self.role not in {"driving_audio", "reference_audio", "file", "link"}


def references_of(body: Mapping[str, Any]) -> list[Reference]:
    """The media of a body in the order in which prompts count them; what is not a URL is left out."""
    source = body.get("input")
    if not isinstance(source, dict):
        return []
    found = [(role, source.get(field)) for field, role in _ROLE_BY_FIELD.items()]
    found += [(_reference_role(url), url) for url in _texts(source.get("reference_urls"))]
    found += [("reference_video", url) for url in _texts(source.get("reference_video_urls"))]
    found += [(str(item.get("type")), item.get("url")) for item in _items(source.get("media"))]
    return [Reference(role, url) for role, url in found if isinstance(url, str) and url]


def _reference_role(url: str) -> str:
    """Wan 2.6 lists pictures and videos together; the file's name tells them apart."""
    path = url.partition("?")[0].partition("#")[0]
    return "reference_video" if PurePosixPath(path).suffix.lower() in _VIDEO_SUFFIXES else "reference_image"


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _items(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
