"""A clip as one JSON object: what a campaign's producer sends to the server, a line each.

The object is the flat one of a single job, with one key more: ``clip``, for what is the campaign's business. What a
server can work out by itself it does: a hash and a file's name are told to be compared, not to be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, ValidationError

from reelqueue.builder import content_sha256
from reelqueue.campaigns.clips import LAST_FRAME, Clip, continued_image, output_of
from reelqueue.campaigns.limits import COLUMNS_MAX, PATH_CHARACTERS_MAX, TOLD_CHARACTERS_MAX, VARIANTS_MAX
from reelqueue.campaigns.options import CampaignOptions, CampaignPart
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.fields import MEDIA_COUNT_MAX, CustomId, Text
from reelqueue.requests.parse import parse_request

CLIP_KEY: Final = "clip"
"""Where a clip's object holds what is not the request's."""

ContentOf = Callable[[str], str | None]
"""Tells the content of an earlier clip by its id; None if there is none."""


_Name = Annotated[Text, Field(min_length=1, max_length=TOLD_CHARACTERS_MAX)]
_Place = Annotated[str, Field(pattern=r"^(image|last_frame|(reference_urls|media)\.[0-9]{1,2})$")]
_Path = Annotated[Text, Field(min_length=1, max_length=PATH_CHARACTERS_MAX)]
_Value = Annotated[Text, Field(max_length=TOLD_CHARACTERS_MAX)] | StrictBool | StrictInt | StrictFloat


class _Part(CampaignPart):
    """What stands under ``clip``."""

    variant: Annotated[StrictInt, Field(ge=1, le=VARIANTS_MAX)] = 1
    after: CustomId | None = None
    first_frame: Literal["last_frame"] | None = None
    variables: dict[_Name, _Value] = Field(default_factory=dict, max_length=COLUMNS_MAX)
    line: Annotated[StrictInt, Field(ge=1)] | None = None
    paths: dict[_Place, _Path] = Field(default_factory=dict, max_length=MEDIA_COUNT_MAX + 2)


def clip_object(clip: Clip) -> dict[str, Any]:
    """Convert a clip to its JSON object."""
    options = clip.request.options() | {"mode": str(clip.request.mode)}
    if clip.is_continued:
        del options["image"]
    if not clip.has_own_interval:
        del options["poll_interval_ms"]
    own = {
        "variant": clip.variant,
        "after": clip.after,
        "first_frame": LAST_FRAME if clip.is_continued else None,
        "variables": dict(clip.variables) or None,
        "line": clip.row_line,
        "paths": dict(clip.paths) or None,
    }
    return options | {CLIP_KEY: {name: value for name, value in own.items() if value is not None}}


def read_clip(data: Mapping[str, object], options: CampaignOptions, content_of: ContentOf, *, file: str = "") -> Clip:
    """Read a clip from its JSON object, and check it again.

    Args:
        data: As `clip_object` writes it; it may come from anybody.
        options: Of its campaign.
        content_of: Of clips that came before it.
        file: The campaign file's name, for people.

    Raises:
        InvalidRequestError: It cannot be rendered, or follows a clip that is not there.
    """
    part = _read_part(data.get(CLIP_KEY, {}))
    asked = {name: value for name, value in data.items() if name != CLIP_KEY}
    content = content_of(part.after) if part.after is not None else ""
    if content is None:
        raise InvalidRequestError("bad_chain", f"after: no clip came before with the id {part.after!r}", "after")
    if part.first_frame is not None:
        if part.after is None or asked.get("image") is not None:
            raise InvalidRequestError("bad_chain", "first_frame: needs after, and no image", "first_frame")
        asked["image"] = continued_image(content)
    request = parse_request(asked)
    if request.custom_id is None:
        raise InvalidRequestError("missing_option", "custom_id: a clip of a campaign needs one", "custom_id")
    return Clip(
        custom_id=request.custom_id,
        request=request,
        content_sha256=content_sha256(request),
        output=output_of(options.output_pattern, options.name, request.custom_id, part.variant, request),
        variant=part.variant,
        after=part.after,
        is_continued=part.first_frame is not None,
        variables=part.variables,
        warnings=request.warnings,
        file=file,
        line=part.line,
        row_line=part.line,
        paths=part.paths,
    )


def _read_part(value: object) -> _Part:
    try:
        return _Part.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join([CLIP_KEY, *map(str, details["loc"])])
        raise InvalidRequestError("bad_json", f"{where}: {details['msg']}", CLIP_KEY) from error
