"""Constrained field types of a request: what can be said about a value without knowing the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_snake
from pydantic_core import PydanticCustomError

from reelqueue.media.data_uri import EMBEDDED_BYTES_MAX, check_whole, data_uri, read_embedded
from reelqueue.requests.option_table import EVERY_OPTION, OTHER_WORDS

NEGATIVE_PROMPT_CHARACTERS_MAX: Final = 500
CUSTOM_ID_CHARACTERS_MAX: Final = 256
MEDIA_COUNT_MAX: Final = 64
"""More than any model takes; what a model takes is checked against its own rules."""
METADATA_BYTES_MAX: Final = 16_384
DAY_MS: Final = 86_400_000
"""The service forgets a task and its video after a day, so nothing waits longer."""

_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MODEL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]{0,4094}[\x21-\x7e])?")
REQUEST_HEADERS: Final = frozenset({"x-dashscope-datainspection"})
"""What a request may add, in lower case: of the provider's headers, those that say how it treats this one body.

Every other changes whose task it is, how it travels or how long its answer is in doubt.
"""
_URL: Final = re.compile(
    r"(?:https?|oss)://[^\s/?#\\\x00-\x1f\x7f\ud800-\udfff][^\s\\\x00-\x1f\x7f\ud800-\udfff]{0,8000}"
)
_SCHEME: Final = re.compile(r"(?:https?|oss)://")
_BLANK: Final = re.compile(r"\s")
_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def _check_text(text: str) -> str:
    # Postgres can store neither, and no prompt needs them.
    if "\x00" in text:
        raise PydanticCustomError("bad_text", "must not contain the character NUL")
    if _LONE_SURROGATE.search(text):
        raise PydanticCustomError("bad_text", "must not contain half of a surrogate pair")
    return text


def _embed(source: object, info: ValidationInfo) -> object:
    if not isinstance(source, (bytes, Path)):
        return source
    name = info.field_name or "image"
    return data_uri(source, field="media" if name in {"url", "reference_voice"} else name)


def _check_url(url: str) -> str:
    # The scheme in lower case, as everything that looks for oss:// or data: expects it.
    scheme, colon, rest = url.partition(":")
    url = scheme.lower() + colon + rest
    if scheme.lower() == "data":
        return _check_data_uri(url)
    if not _is_url(url):
        _check_blanks(url)
        raise PydanticCustomError(
            "bad_url",
            "must be an http, https or oss URL or a data URI, not {seen}; "
            "a local picture is embedded by its producer (pathlib.Path in Python, a path on the command line)",
            {"seen": repr(url[:80])},
        )
    return url


def _check_blanks(url: str) -> None:
    if _SCHEME.match(url) and (blank := _BLANK.search(url)):
        raise PydanticCustomError(
            "bad_url",
            "must not contain {what}, which stands after {before}; write %20 for a space that belongs to the URL",
            {
                "what": "a space" if blank[0] == " " else "a blank or line break",
                "before": repr(url[max(0, blank.start() - 40) : blank.start()]),
            },
        )


def _is_url(text: str) -> bool:
    try:
        return _URL.fullmatch(text) is not None and urlsplit(text).hostname is not None
    except ValueError:  # a bracket of an IPv6 address is missing
        return False


def _check_data_uri(uri: str) -> str:
    try:
        size_bytes = read_embedded(uri).size_bytes
    except ValueError as error:
        raise PydanticCustomError("bad_url", "{why}", {"why": str(error)}) from error
    if size_bytes > EMBEDDED_BYTES_MAX:
        raise PydanticCustomError(
            "file_too_large",
            "must have at most {most} bytes to fit into a request, not {seen}; give a URL",
            {"most": EMBEDDED_BYTES_MAX, "seen": size_bytes},
        )
    try:
        check_whole(uri)
    except ValueError as error:
        raise PydanticCustomError("cut_picture", "{why}", {"why": str(error)}) from error
    return uri


def _check_json_object(value: Mapping[str, object]) -> object:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PydanticCustomError("bad_json", "must be a JSON object ({why})", {"why": str(error)}) from error
    if _ESCAPED_NUL.search(text):
        raise PydanticCustomError("bad_text", "must not contain the character NUL")
    if len(text) > METADATA_BYTES_MAX:
        raise PydanticCustomError(
            "too_long",
            "must be at most {most} bytes as JSON, not {seen}",
            {"most": METADATA_BYTES_MAX, "seen": len(text)},
        )
    return json.loads(text)  # tuples become lists and keys strings, as after any journey


def _check_raw(value: Mapping[str, object]) -> Mapping[str, object]:
    # A price is known from the options; what raw sent in their place would be billed and never agreed to.
    for name in value:
        word = to_snake(name.strip()).lower()
        option = OTHER_WORDS.get(word, word)
        if word == "n":
            raise PydanticCustomError(
                "option_in_raw",
                "must not have {name}: each job renders one video, so enqueue as many jobs as there shall be videos",
                {"name": repr(name)},
            )
        if option in EVERY_OPTION:
            raise PydanticCustomError(
                "option_in_raw",
                "must not have {name}: it would replace the option {option} unchecked; give {option} itself",
                {"name": repr(name[:64]), "option": option},
            )
    return value


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if name.lower() not in REQUEST_HEADERS:
            raise PydanticCustomError(
                "reserved_header",
                "{name} cannot be set by a request, which may add X-DashScope-DataInspection alone; a workspace "
                "belongs to the provider account (python -m workers accounts change NAME --workspace ID)",
                {"name": repr(name[:80])},
            )
        if _HEADER_VALUE.fullmatch(value) is None:
            raise PydanticCustomError(
                "bad_header", "{name} has a value that HTTP cannot carry in plain ASCII", {"name": repr(name[:80])}
            )
    return headers


def _read_moment(value: object, read: ValidatorFunctionWrapHandler) -> datetime:
    # Numbers, also in strings, would be read as seconds since 1970.
    is_moment = isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-")
    try:
        moment: datetime | None = read(value) if is_moment else None
    except ValidationError:  # its words name neither the form nor what was seen
        moment = None
    if moment is None:
        raise PydanticCustomError(
            "wrong_type",
            "must be a date and time with its timezone, such as 2026-12-01T09:00+08:00, not {seen}",
            {"seen": repr(value)[:40]},
        )
    return moment


def whole_number(value: object) -> object:
    """*value*, and 5 for 5.0: pandas makes floats of a column of whole numbers with an empty cell."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_seed(seed: int) -> int:
    # The database's limits; a model's own are in its rules. What no model takes is no help.
    if not -(2**63) <= seed < 2**63:
        raise PydanticCustomError("out_of_range", "must be a smaller whole number: models take 0 to 2147483647")
    return seed


def _check_model_id(text: str) -> str:
    if _MODEL_ID.fullmatch(text) is None:
        raise PydanticCustomError(
            "bad_text",
            "must be 1 to 128 letters, digits and . _ : / -, such as wan2.6-t2v, not {seen}",
            {"seen": repr(text[:80])},
        )
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("out_of_range", "must be a time that exists in UTC") from error


Text = Annotated[str, AfterValidator(_check_text)]
Word = Annotated[str, StringConstraints(max_length=32), AfterValidator(_check_text)]
ModelId = Annotated[str, AfterValidator(_check_model_id)]
MediaUrl = Annotated[str, BeforeValidator(_embed), AfterValidator(_check_url)]
"""Where a picture, video or sound is; bytes and paths that Python hands in become data URIs."""
CustomId = Annotated[
    str, StringConstraints(min_length=1, max_length=CUSTOM_ID_CHARACTERS_MAX), AfterValidator(_check_text)
]
NegativePrompt = Annotated[
    str, StringConstraints(max_length=NEGATIVE_PROMPT_CHARACTERS_MAX), AfterValidator(_check_text)
]
# Wider than any model, so that a model's own range is what an error names; the database sets these.
Whole = Annotated[StrictInt, BeforeValidator(whole_number)]
Seconds = Annotated[Whole, Field(ge=-86_400, le=86_400)]
Seed = Annotated[
    Whole,
    AfterValidator(_check_seed),
    WithJsonSchema({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}),
]
Switch = StrictBool
Priority = Annotated[Whole, Field(ge=-100, le=100)]
Milliseconds = Annotated[Whole, Field(ge=1, le=DAY_MS)]
JsonObject = Annotated[dict[str, object], AfterValidator(_check_json_object)]
Raw = Annotated[JsonObject, AfterValidator(_check_raw)]
Headers = Annotated[dict[str, str], Field(max_length=32), AfterValidator(_check_headers)]
StartBy = Annotated[AwareDatetime, WrapValidator(_read_moment), AfterValidator(_in_utc)]
ShotType: TypeAlias = Literal["single", "multi"]
OnTimeout: TypeAlias = Literal["collect", "cancel", "abandon"]
