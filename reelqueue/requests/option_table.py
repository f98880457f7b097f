"""All options of a request in one table, from which every list of options in the product is a filter.

An option is added here and as a field of its request types. A test takes one value of each option through every
consumer: the request's row and back, retries, exports, previews, the gallery, the command line and spreadsheets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Final

from reelqueue.catalog.spec import Mode


class Role(StrEnum):
    """What an option is to the model that renders the request."""

    MODEL = "model"
    """Chooses the model."""
    TEXT = "text"
    """What the model reads."""
    MEDIUM = "medium"
    """A picture, video or sound, or several."""
    PARAMETER = "parameter"
    """A setting that the model has to offer."""
    UNCHECKED = "unchecked"
    """Sent as it is; every model takes it."""
    JOB = "job"
    """Ours, never sent; every model takes it."""


class Form(StrEnum):
    """How an option is written in a cell of a spreadsheet and on a command line."""

    TEXT = "text"
    """Taken verbatim, with outer spaces."""
    WORD = "word"
    CHOICE = "choice"
    """A word of `RequestOption.choices`."""
    INTEGER = "integer"
    SWITCH = "switch"
    TIME = "time"
    URL = "url"
    URLS = "urls"
    MEDIA = "media"
    """A list of items with a role and a URL."""
    OBJECT = "object"
    """A JSON object."""
    HEADERS = "headers"
    """A JSON object of texts."""


@dataclass(frozen=True, slots=True)
class RequestOption:
    """One option of a request."""

    name: str
    """In snake_case."""
    role: Role
    form: Form
    help: str
    """What it means, for the command line."""
    _: KW_ONLY
    has_column: bool = True
    """Whether `render_jobs` has a column of its name; media without one are rows of `job_references`, the rest is
    in `extra_options`."""
    is_priced: bool = False
    """Whether the price of a request depends on it."""
    is_secret: bool = False
    """Whether its value may be an operator's secret, and is never shown."""
    choices: tuple[str, ...] = ()
    flag: str | None = None
    """On the command line, where it differs from the name."""
    other_names: tuple[str, ...] = ()
    """What the provider and other clients call it."""


REQUEST_OPTIONS: Final = (
    RequestOption("custom_id", Role.JOB, Form.WORD, "Your own name for the clip."),
    RequestOption(
        "model", Role.MODEL, Form.WORD, "A model of the catalog, or any other id of the provider.", is_priced=True
    ),
    RequestOption(
        "mode",
        Role.MODEL,
        Form.CHOICE,
        "What the video is made from; derived from the model and the media unless given.",
        choices=tuple(mode.value for mode in Mode),
    ),
    RequestOption("prompt", Role.TEXT, Form.TEXT, "What the video shows."),
    RequestOption("negative_prompt", Role.TEXT, Form.TEXT, "What the video must not show."),
    RequestOption(
        "resolution",
        Role.PARAMETER,
        Form.WORD,
        "A tier such as 720P or a size such as 1280x720.",
        is_priced=True,
        other_names=("size",),
    ),
    RequestOption(
        "ratio", Role.PARAMETER, Form.WORD, "Aspect ratio such as 16:9, beside a tier.", other_names=("aspect_ratio",)
    ),
    RequestOption("duration", Role.PARAMETER, Form.INTEGER, "Seconds of video.", is_priced=True),
    RequestOption("seed", Role.PARAMETER, Form.INTEGER, "The same seed gives similar videos."),
    RequestOption(
        "image",
        Role.MEDIUM,
        Form.URL,
        "First frame: a file, a URL or a data URI.",
        has_column=False,
        is_priced=True,
        other_names=("first_frame", "first_frame_url", "image_url", "img_url"),
    ),
    RequestOption(
        "last_frame",
        Role.MEDIUM,
        Form.URL,
        "Last frame: a file, a URL or a data URI.",
        has_column=False,
        is_priced=True,
        other_names=("last_frame_url",),
    ),
    RequestOption(
        "reference_urls",
        Role.MEDIUM,
        Form.URLS,
        "A picture or clip of what shall appear, in the prompt's order; repeatable.",
        has_column=False,
        is_priced=True,
        flag="--reference",
        other_names=("reference_video_urls",),
    ),
    RequestOption(
        "media",
        Role.MEDIUM,
        Form.MEDIA,
        "A medium by its role, as ROLE=URL; repeatable.",
        has_column=False,
        is_priced=True,
    ),
    RequestOption(
        "audio",
        Role.PARAMETER,
        Form.SWITCH,
        "Whether the video has sound.",
        is_priced=True,
        other_names=("generate_audio",),
    ),
    RequestOption("audio_url", Role.MEDIUM, Form.URL, "Sound that drives the video."),
    RequestOption(
        "headers",
        Role.UNCHECKED,
        Form.HEADERS,
        "Extra header for the provider, as NAME: VALUE; it takes X-DashScope-DataInspection.",
        has_column=False,
        is_secret=True,
        flag="--header",
    ),
    RequestOption(
        "on_timeout",
        Role.JOB,
        Form.CHOICE,
        "What becomes of a paid task that is late.",
        choices=("collect", "cancel", "abandon"),
    ),
    RequestOption("poll_interval_ms", Role.JOB, Form.INTEGER, "Delay between questions to the provider."),
    RequestOption("poll_timeout_ms", Role.JOB, Form.INTEGER, "Longest wait for the provider."),
    RequestOption("priority", Role.JOB, Form.INTEGER, "-100 to 100; higher is started first."),
    RequestOption("prompt_extend", Role.PARAMETER, Form.SWITCH, "Whether the provider may rewrite the prompt."),
    RequestOption(
        "raw",
        Role.UNCHECKED,
        Form.OBJECT,
        "JSON object merged into the provider's parameters, for what has no option.",
        has_column=False,
        is_priced=True,
    ),
    RequestOption("shot_type", Role.PARAMETER, Form.CHOICE, "One take or several.", choices=("single", "multi")),
    RequestOption("start_by", Role.JOB, Form.TIME, "Not started after this moment, such as 2026-12-01T09:00:00Z."),
    RequestOption("watermark", Role.PARAMETER, Form.SWITCH, "Whether the provider draws its mark."),
    RequestOption("metadata", Role.JOB, Form.OBJECT, "Your own notes, as a JSON object."),
)
"""In the order of the columns of an exported campaign file."""

EVERY_OPTION: Final = frozenset(option.name for option in REQUEST_OPTIONS)
"""The options of all kinds together."""

JOB_OPTIONS: Final = frozenset(option.name for option in REQUEST_OPTIONS if option.role in {Role.JOB, Role.UNCHECKED})
"""Options that every model takes."""

OTHER_WORDS: Final = {word: option.name for option in REQUEST_OPTIONS for word in option.other_names}
"""What the provider and other clients call our options."""


def names_of(*, forms: Collection[Form] = tuple(Form), roles: Collection[Role] = tuple(Role)) -> frozenset[str]:
    """Names of the options that are written in one of *forms* and have one of *roles*."""
    return frozenset(option.name for option in REQUEST_OPTIONS if option.form in forms and option.role in roles)
