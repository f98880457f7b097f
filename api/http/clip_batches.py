"""Batches of clips as producers send them, a JSON object a line; what is wrong with one line never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.http.request_body import JsonObject, decode_object
from api.problem_details import ProblemError
from reelqueue.campaigns.clip_json import CLIP_KEY, read_clip
from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import ClipProblem

NDJSON: Final = "application/x-ndjson"
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A request object a line, with `clip` for what is the campaign's business.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}

ContentsOf = Callable[[Collection[str]], Mapping[str, str]]
"""Tells the contents of clips by their ids; ids that are not there are left out."""


@dataclass(slots=True)
class Batch:
    """What was read of a batch."""

    clips: list[Clip] = field(default_factory=list)
    problems: list[ClipProblem] = field(default_factory=list)

    def refuse(self, line: int, custom_id: object, error: InvalidRequestError | ProblemError) -> None:
        """Note a line that cannot be rendered."""
        message = error.detail if isinstance(error, ProblemError) else error.message
        named = custom_id if isinstance(custom_id, str) else None
        self.problems.append(
            ClipProblem(line=line, custom_id=named, code=error.code, message=message, field=error.field)
        )


def read_batch(lines: Sequence[bytes], options: CampaignOptions, contents_of: ContentsOf) -> Batch:
    """Read the clips of a batch, and check them again.

    Args:
        lines: An object each; empty ones are left out.
        options: Of their campaign.
        contents_of: Of clips that came before this batch.
    """
    batch = Batch()
    objects = _decoded(lines, batch)
    afters = {after for _, data in objects if (after := _after(data)) is not None}
    contents = dict(contents_of(afters)) if afters else {}
    seen: set[str] = set()
    for line, data in objects:
        try:
            clip = read_clip(data, options, contents.get)
            _claim(clip.custom_id, seen)
        except InvalidRequestError as error:
            batch.refuse(line, data.get("custom_id"), error)
            continue
        contents[clip.custom_id] = clip.content_sha256
        batch.clips.append(clip)
    return batch


def _decoded(lines: Sequence[bytes], batch: Batch) -> list[tuple[int, JsonObject]]:
    objects = []
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            objects.append((line, decode_object(text)))
        except ProblemError as error:
            batch.refuse(line, None, error)
    return objects


def _claim(custom_id: str, seen: set[str]) -> None:
    if custom_id in seen:
        raise InvalidRequestError("duplicate_id", "custom_id: it occurs twice in this batch", "custom_id")
    seen.add(custom_id)


def _after(data: JsonObject) -> str | None:
    part = data.get(CLIP_KEY)
    after = part.get("after") if isinstance(part, dict) else None
    return after if isinstance(after, str) else None
