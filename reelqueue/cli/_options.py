"""The options of a request as options of a command, each written once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from reelqueue.catalog import Mode
from reelqueue.errors import InvalidRequestError

F = TypeVar("F", bound=Callable[..., None])


def json_object(name: str, text: str | None) -> dict[str, object] | None:
    """The JSON object that an option of the command line spells; None where it is not given.

    Raises:
        InvalidRequestError: it is not one.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidRequestError("not_json", f"--{name}: {text[:80]!r} is not JSON: {error}", name) from error
    if not isinstance(value, dict):
        raise InvalidRequestError("not_json", f"--{name}: {text[:80]!r} is no JSON object; write {{...}}", name)
    return value


def _media(items: list[str] | None) -> object:
    if not items:
        return None
    pairs = [item.partition("=") for item in items]
    return [{"type": role, "url": url} for role, _, url in pairs]


def _headers(items: list[str] | None) -> object:
    if not items:
        return None
    pairs = [item.partition(":") for item in items]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _option(kind: Any, text: str, *names: str) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[kind | None, typer.Option(*names, help=text, rich_help_panel="Request")]


_OPTIONS: Final[Mapping[str, Any]] = {
    "mode": _option(Mode, "What the video is made from; derived from the model and the media unless given."),
    "negative_prompt": _option(str, "What the video must not show."),
    "image": _option(str, "First frame: a file, a URL or a data URI."),
    "last_frame": _option(str, "Last frame: a file, a URL or a data URI."),
    "reference_urls": _option(
        list[str], "A picture or clip of what shall appear, in the prompt's order; repeatable.", "--reference"
    ),
    "media": _option(list[str], "A medium by its role, as ROLE=URL; repeatable.", "--media"),
    "audio_url": _option(str, "Sound that drives the video."),
    "resolution": _option(str, "A tier such as 720P or a size such as 1280x720."),
    "ratio": _option(str, "Aspect ratio such as 16:9, beside a tier."),
    "duration": _option(int, "Seconds of video."),
    "seed": _option(int, "The same seed gives similar videos."),
    "prompt_extend": _option(bool, "Whether the provider may rewrite the prompt."),
    "shot_type": _option(Literal["single", "multi"], "One take or several."),
    "watermark": _option(bool, "Whether the provider draws its mark."),
    "audio": _option(bool, "Whether the video has sound."),
    "custom_id": _option(str, "Your own name for the clip."),
    "priority": _option(int, "-100 to 100; higher is started first."),
    "metadata": _option(str, "Your own notes, as a JSON object."),
    "on_timeout": _option(Literal["collect", "cancel", "abandon"], "What becomes of a paid task that is late."),
    "start_by": _option(str, "Not started after this moment, such as 2026-12-01T09:00:00Z."),
    "poll_interval_ms": _option(int, "Delay between questions to the provider."),
    "poll_timeout_ms": _option(int, "Longest wait for the provider."),
    "raw": _option(str, "JSON object merged into the provider's parameters, for what has no option."),
    "headers": _option(
        list[str], "Extra header for the provider, as NAME: VALUE; it takes X-DashScope-DataInspection.", "--header"
    ),
}

_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "metadata": lambda text: json_object("metadata", text),
    "raw": lambda text: json_object("raw", text),
    "media": _media,
    "headers": _headers,
}


def with_request_options(command: F) -> F:
    """Give *command* the options of a request in place of its ``**options``."""
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    return command


def read_options(options: Mapping[str, object]) -> dict[str, object]:
    """The flat request object that the command's options spell.

    Raises:
        InvalidRequestError: an option is not the JSON that it should be.
    """
    read = {name: _READERS[name](value) if name in _READERS else value for name, value in options.items()}
    return {name: value for name, value in read.items() if value is not None and value != []}
