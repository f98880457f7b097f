"""One clip of a campaign: a request with its place in the file, ready to be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reelqueue.campaigns.outputs import FIELDS, OutputPattern
from reelqueue.requests import RenderRequest

CLIP_KEY: Final = "clip"
"""Where a clip's object holds what is not the request's."""

LAST_FRAME: Final = "last_frame"
"""The only value of a row's ``first_frame``: it begins where the clip that it comes after ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One clip to render."""

    custom_id: str
    """Unique in its campaign; the same each time the file is read."""
    request: RenderRequest
    """Checked, and complete but for a first frame that an earlier clip will give."""
    content_sha256: str
    """Of what is sent; a clip that continues another has that one's in its own."""
    output: str
    """Relative path of its file."""
    variant: int = 1
    """Number among the variants of its row."""
    after: str | None = None
    """The id of the clip that must have ended first; it stands above in the file."""
    is_continued: bool = False
    """Whether its first frame is the last one of the clip that it comes after."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """What its templates were given, for people to filter by."""
    warnings: tuple[str, ...] = ()
    """What to know before paying for it, one sentence each."""
    file: str
    line: int | None = None
    """Where its row begins."""

    def to_object(self) -> dict[str, Any]:
        """The flat request object with one key more, ``clip``: a line of what is sent to the server."""
        options = self.request.options() | {"mode": str(self.request.mode), "custom_id": self.custom_id}
        if self.is_continued:
            del options["image"]
        own = {
            "content_sha256": self.content_sha256,
            "output": self.output,
            "variant": self.variant,
            "after": self.after,
            "first_frame": LAST_FRAME if self.is_continued else None,
            "variables": dict(self.variables) or None,
            "line": self.line,
        }
        return options | {CLIP_KEY: {name: value for name, value in own.items() if value is not None}}


def continued_image(content_sha256: str) -> str:
    """What stands for a first frame that is not rendered yet, so that a request can be checked and hashed."""
    return f"oss://last-frame-of/{content_sha256 or 'unknown'}.png"


def output_of(pattern: OutputPattern, campaign: str, custom_id: str, variant: int, request: RenderRequest) -> str:
    """The relative path of a clip's file."""
    values = (campaign, custom_id, variant, request.model, request.seed)
    return pattern.name(dict(zip(FIELDS, values, strict=True)))
