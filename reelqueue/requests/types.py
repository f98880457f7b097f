"""Requests for one video each: the same flat object in Python, in JSON and in the database.

A request that exists can be rendered: constructing one checks every option against the model's published
capabilities and raises `InvalidRequestError` before anything is stored or sent.

>>> parse_request({"model": "wan2.6-t2v", "prompt": "a paper boat", "negativePrompt": "rain"}).mode
<Mode.TEXT_TO_VIDEO: 'text-to-video'>
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, Unpack

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import PydanticCustomError

from reelqueue.catalog import Mode, lookup, mode_by_id
from reelqueue.errors import InvalidRequestError
from reelqueue.requests import capabilities as rules
from reelqueue.requests.error_messages import EVERY_OPTION, item_refusal, refusal
from reelqueue.requests.fields import (
    MEDIA_COUNT_MAX,
    CustomId,
    Headers,
    JsonObject,
    MediaUrl,
    Milliseconds,
    ModelId,
    NegativePrompt,
    Priority,
    Raw,
    Seconds,
    Seed,
    StartBy,
    Switch,
    Text,
    Word,
)
from reelqueue.requests.local_media import embed_local_files, refuse_local_files
from reelqueue.requests.options import (
    ImageToVideoOptions,
    MediaItemOptions,
    OnTimeout,
    ReferenceToVideoOptions,
    ShotType,
    TextToVideoOptions,
    VideoEditOptions,
)


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        # What the API's own description says of each option, too.
        use_attribute_docstrings=True,
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        # Errors quote no input: it may be a prompt or a signed URL.
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Let `help` show how a request is constructed, and what each option means."""
        super().__pydantic_init_subclass__(**kwargs)
        told = {name: str(field.description).partition("\n")[0] for name, field in cls.model_fields.items()}
        meanings = "".join(f"\n    {name}: {meaning}" for name, meaning in told.items())
        cls.__init__.__doc__ = f"Check every option.\n\nArgs:{meanings}\n"
        options = inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)
        setattr(cls, "__signature__", inspect.Signature([options]))  # noqa: B010 - type checkers shall not see it


class MediaItem(_Strict):
    """One item of ``input.media``, sent as it stands."""

    type: Word = Field(min_length=1)
    """The role it plays: `first_frame`, `reference_image`, `video`, ..."""
    url: MediaUrl
    """Where it is: an http, https or oss URL, or a data URI."""
    reference_voice: MediaUrl | None = None
    """The voice of what a reference shows; outranks the video's own sound."""

    def __init__(self, **options: Unpack[MediaItemOptions]) -> None:
        data: dict[str, Any] = {**options}
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise item_refusal(error) from error


def _read_items(value: object) -> object:
    """Items from objects; done by hand, because an error shall say which item it means."""
    if not isinstance(value, (list, tuple)):
        return value
    items = []
    for number, item in enumerate(value):
        try:
            items.append(MediaItem(**item) if isinstance(item, Mapping) else item)
        except InvalidRequestError as error:
            raise PydanticCustomError(
                "bad_item", "item {number}: {why}", {"number": number, "why": str(error)}
            ) from error
    return tuple(items)


Media = Annotated[tuple[MediaItem, ...], BeforeValidator(_read_items), Field(max_length=MEDIA_COUNT_MAX)]


class RenderRequest(_Strict):
    """What every request may say; construct one of its four kinds."""

    mode: ClassVar[Mode]

    model: ModelId
    """A model of the catalog, or any other id of the provider."""
    prompt: Text | None = None
    """What the video shows."""
    negative_prompt: NegativePrompt | None = None
    """What it must not show."""
    resolution: Word | None = None
    """A tier (`720P`) or a size in pixels (`1280x720`)."""
    duration: Seconds | None = None
    """Length of the video, in seconds."""
    seed: Seed | None = None
    """The same seed makes similar videos; the service chooses one unless given."""
    prompt_extend: Switch | None = None
    """Whether the service rewrites the prompt first; it does unless told not to."""
    watermark: Switch | None = None
    """Whether the service draws its mark on the video."""
    audio: Switch | None = None
    """Whether the video has sound, where the model lets one choose."""

    custom_id: CustomId | None = None
    """The producer's own name for the job."""
    priority: Priority = 0
    """Higher is dispatched first."""
    metadata: JsonObject | None = None
    """The producer's own notes, handed back with the job."""
    on_timeout: OnTimeout = "collect"
    """What becomes of a paid task whose job has timed out."""
    start_by: StartBy | None = None
    """The job expires if it has not been submitted by then."""
    poll_interval_ms: Milliseconds = 5000
    """Delay between polls; the first comes one interval after the submit."""
    poll_timeout_ms: Milliseconds = 600_000
    """Longest wait after the submit was accepted."""
    raw: Raw | None = None
    """Merged into `parameters`: for those that are newer than the catalog, never for what has an option.

    What is not published has no price either: a campaign with a budget stops before such a job.
    """
    headers: Headers | None = None
    """Extra headers for the provider: `X-DashScope-DataInspection`, and no other."""

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise refusal(type(self), data, error) from error

    @model_validator(mode="after")
    def _check_capabilities(self) -> Self:
        self._warnings = rules.check(self)
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before rendering it, one sentence each; found while it was checked."""
        return self._warnings

    def given(self, option: str) -> Any:  # noqa: ANN401 - options have many types
        """The value of an option; None where it is not given, or where this kind of request has no such option."""
        # Asking pydantic for an attribute that a kind lacks takes longer than all the rules of a model.
        return self.__dict__.get(option)

    def options(self) -> dict[str, Any]:
        """Every option that is not None, by its snake_case name, as JSON has it.

        ``parse_request(request.options() | {"mode": request.mode})`` is an equal request.
        """
        return self.model_dump(mode="json", exclude_none=True)


class TextToVideo(RenderRequest):
    """A video from a prompt alone."""

    mode = Mode.TEXT_TO_VIDEO

    audio_url: MediaUrl | None = None
    """Sound that drives the video."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio such as `16:9`, where the model takes a tier and not a size."""

    def __init__(self, **options: Unpack[TextToVideoOptions]) -> None:
        super().__init__(**options)


class ImageToVideo(RenderRequest):
    """A video that starts from a picture, or goes on from a clip."""

    mode = Mode.IMAGE_TO_VIDEO

    image: MediaUrl | None = None
    """The first frame."""
    last_frame: MediaUrl | None = None
    """The last frame, where the model takes one."""
    media: Media | None = None
    """Every medium with its role, in place of the options that name one each."""
    audio_url: MediaUrl | None = None
    """Sound that drives the video."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio, where the model does not follow the picture."""

    def __init__(self, **options: Unpack[ImageToVideoOptions]) -> None:
        super().__init__(**options)


class ReferenceToVideo(RenderRequest):
    """A video in which given people or things appear."""

    mode = Mode.REFERENCE_TO_VIDEO

    reference_urls: Annotated[tuple[MediaUrl, ...], Field(max_length=MEDIA_COUNT_MAX)] | None = None
    """Pictures and videos of what shall appear, in the order in which the prompt names them."""
    image: MediaUrl | None = None
    """The first frame, beside the references."""
    media: Media | None = None
    """Every medium with its role, in place of the options that name one each."""
    shot_type: ShotType | None = None
    """One take or several; works only while the prompt is extended."""
    ratio: Word | None = None
    """Aspect ratio such as `16:9`, where the model takes a tier and not a size."""

    def __init__(self, **options: Unpack[ReferenceToVideoOptions]) -> None:
        super().__init__(**options)


class VideoEdit(RenderRequest):
    """A video made from another by the prompt's orders."""

    mode = Mode.VIDEO_EDIT

    media: Media | None = None
    """The `video` to change, and `reference_image` items."""
    ratio: Word | None = None
    """Aspect ratio; that of the input unless given."""

    def __init__(self, **options: Unpack[VideoEditOptions]) -> None:
        super().__init__(**options)


REQUEST_TYPES: Mapping[Mode, type[RenderRequest]] = {
    kind.mode: kind for kind in (TextToVideo, ImageToVideo, ReferenceToVideo, VideoEdit)
}
"""The type of each mode."""


def parse_request(data: Mapping[str, object], *, local_files: bool = False) -> RenderRequest:
    """The request that a flat object stands for.

    Args:
        data: ``model``, optionally ``mode``, and options in snake_case or camelCase; None leaves one out.
        local_files: Whether pictures may be paths on this machine, which are then read and embedded.
            Only a producer says True, and only for its own files: a server that did would hand its files
            to whoever asks.

    Raises:
        InvalidRequestError: The request cannot be rendered as it stands; nothing has been sent.
    """
    options = {name: value for name, value in data.items() if value is not None or to_snake(name) not in EVERY_OPTION}
    model = options.get("model")
    if not isinstance(model, str):
        raise InvalidRequestError("missing_option", "model: give the id of a model, such as wan2.6-t2v", "model")
    mode = _mode(options.pop("mode", None), model, options)
    options = embed_local_files(options) if local_files else refuse_local_files(options)
    return REQUEST_TYPES[mode](**options)


def _mode(stated: object, model: str, options: Mapping[str, object]) -> Mode:
    if stated is not None:
        return _stated_mode(stated)
    spec = lookup(model)
    if spec is None and not model.startswith("wan3"):
        return mode_by_id(model)
    if spec is not None and len(spec.modes) == 1:
        return spec.modes[0]
    return _mode_by_media(options)


def _stated_mode(stated: object) -> Mode:
    for mode in Mode:
        if mode == stated:
            return mode
    raise InvalidRequestError("wrong_mode", f"mode: must be one of {', '.join(Mode)}, not {stated!r}", "mode")


def _mode_by_media(options: Mapping[str, object]) -> Mode:
    media = options.get("media")
    items = media if isinstance(media, (list, tuple)) else ()
    roles = {str(item.get("type")) for item in items if isinstance(item, Mapping)}
    roles |= {item.type for item in items if isinstance(item, MediaItem)}
    if options.get("reference_urls") or options.get("referenceUrls") or roles - {"first_frame", "last_frame"}:
        return Mode.REFERENCE_TO_VIDEO
    has_frame = roles or any(options.get(name) is not None for name in ("image", "last_frame", "lastFrame"))
    return Mode.IMAGE_TO_VIDEO if has_frame else Mode.TEXT_TO_VIDEO
