"""One clip of a campaign: a request with its place in the file, ready to be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from reelqueue.campaigns.output_paths import FIELDS, OutputPattern
from reelqueue.requests.base import RenderRequest

LAST_FRAME: Final = "last_frame"
"""The only value of a row's ``first_frame``: it begins where the clip that it comes after ends."""

Scalar = str | int | float | bool


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
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    """What its row and the matrix gave to templates, shortened, for people to filter by."""
    warnings: tuple[str, ...] = ()
    """What to know before paying for it, one sentence each."""
    file: str
    line: int | None = None
    """Where its row begins in that file."""
    row_line: int | None = None
    """Where its row begins in the campaign file; another line than `line` if this file is a copy of some rows."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """The path of each picture that was read from a file, as its row has it; by its place, such as ``media.0``."""

    @property
    def has_own_interval(self) -> bool:
        """Whether the file says how often the provider is asked about it."""
        return "poll_interval_ms" in self.request.model_fields_set


def continued_image(content_sha256: str) -> str:
    """Placeholder for a first frame that is not rendered yet, so that a request can be checked and hashed."""
    return f"oss://last-frame-of/{content_sha256 or 'unknown'}.png"


def output_of(pattern: OutputPattern, campaign: str, custom_id: str, variant: int, request: RenderRequest) -> str:
    """The relative path of a clip's file."""
    values = (campaign, custom_id, variant, request.model, request.seed)
    return pattern.name(dict(zip(FIELDS, values, strict=True)))
