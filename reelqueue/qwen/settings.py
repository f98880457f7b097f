"""Where the language models are, as whom they are asked, and how long an answer may take."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

import httpx
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reelqueue.catalog.text_price_list import TextPrice
from reelqueue.errors import ConfigurationError
from reelqueue.loopback import is_loopback_url

DEFAULT_TEXT_BASE_URL: Final = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
"""The Singapore region."""

URL_VARIABLE: Final = "REELQUEUE_TEXT_BASE_URL"

KEY_VARIABLES: Final = ("ALIBABA_API_KEY", "DASHSCOPE_API_KEY")
"""Where the key is looked for, in this order."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
_TRANSPORT_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """*headers*, if HTTP can carry them and they do not say how it is carried.

    Raises:
        PydanticCustomError: A name or a value cannot be sent.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise PydanticCustomError(
                "bad_header", "{name} is no header that HTTP can carry", {"name": repr(name[:64])}
            )
        if name.lower() in _TRANSPORT_HEADERS:
            raise PydanticCustomError("bad_header", "{name} belongs to the connection", {"name": name})
    return headers


def _base_url(text: str) -> str:
    try:
        url = httpx.URL(text)
        has_host = bool(url.host)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PydanticCustomError("bad_url", "is no URL: {why}", {"why": str(error)}) from error
    if url.scheme not in {"http", "https"} or not has_host:
        raise PydanticCustomError("bad_url", "is no http or https URL with a host")
    return text.removesuffix("/")


def default_base_url() -> str:
    """Where calls go unless a setting says: what the environment names, or Singapore."""
    return os.environ.get(URL_VARIABLE) or DEFAULT_TEXT_BASE_URL


def _transport(value: object) -> object:
    if value is None or isinstance(value, (httpx.BaseTransport, httpx.AsyncBaseTransport)):
        return value
    raise PydanticCustomError("wrong_type", "must be a transport of httpx")


class TextTimeLimits(BaseModel):
    """How long each phase of a call may take, in seconds."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    connect: Annotated[float, Field(gt=0)] = 5
    write: Annotated[float, Field(gt=0)] = 60
    """Per chunk; a request with pictures inside has up to 64 MiB."""
    idle: Annotated[float, Field(gt=0)] = 90
    """Of a stream: without an event."""
    whole: Annotated[float, Field(gt=0)] = 310
    """Of an answer that is not streamed, which the service cuts at 300 s."""
    total: Annotated[float, Field(gt=0)] = 600
    """Of a stream, from its request to its end."""


class QwenSettings(BaseModel):
    """Settings of `QwenClient` and `AsyncQwenClient`; also in camelCase."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, alias_generator=to_camel, populate_by_name=True
    )

    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        default_factory=default_base_url,
        validate_default=True,
        validation_alias=AliasChoices("base_url", "baseURL", "baseUrl"),
    )
    """Where ``/chat/completions`` is; one slash at its end is trimmed. Unless given, ``REELQUEUE_TEXT_BASE_URL`` or
    else Singapore."""
    api_key: SecretStr | None = None
    """Unless given, ``ALIBABA_API_KEY`` or else ``DASHSCOPE_API_KEY``."""
    headers: Annotated[Mapping[str, str], AfterValidator(check_headers)] = Field(default_factory=dict)
    """Of every call; a request's own go before them, and nothing goes before the key."""
    transport: Annotated[Any, AfterValidator(_transport)] = None
    """An httpx transport in place of httpx's own; asynchronous for `AsyncQwenClient`."""
    include_usage: bool = True
    """Whether streams end with their usage; without it no cost is known."""
    thinking: Literal["off", "model"] = "off"
    """What a model gets that may think and whose request does not say: ``off`` tells it not to, ``model`` leaves it to
    the model. Models from 3.5 on think, and bill, unless told not to."""
    limits: TextTimeLimits = TextTimeLimits()
    prices: Mapping[str, TextPrice] = Field(default_factory=dict)
    """By model, before the published ones; for models without one."""

    def key(self) -> str:
        """The key that calls are made with.

        Raises:
            ConfigurationError: There is none, or it cannot be one.
        """
        given = self.api_key.get_secret_value() if self.api_key else None
        key = given or next((found for name in KEY_VARIABLES if (found := os.environ.get(name))), "")
        if not key:
            raise ConfigurationError(f"no key for the language models; set {KEY_VARIABLES[0]} or {KEY_VARIABLES[1]}")
        if not (key.isascii() and key.isprintable()) or " " in key:
            # The key itself stays out of the message: it may be right but for a line feed at its end.
            raise ConfigurationError(
                f"the key has characters that no key has, such as a space or line feed; set {KEY_VARIABLES[0]} again"
            )
        return key

    @property
    def is_loopback(self) -> bool:
        """Whether calls stay on this machine, where no proxy of the environment can reach."""
        return is_loopback_url(self.base_url)


def read_settings(options: Mapping[str, object] = MappingProxyType({})) -> QwenSettings:
    """Settings from a mapping in snake_case or camelCase; None leaves one out.

    Raises:
        ConfigurationError: One does not exist or cannot be used.
    """
    try:
        return QwenSettings.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in details["loc"])
        is_default = name == "base_url" and not options.keys() & {"base_url", "baseURL", "baseUrl"}
        raise ConfigurationError(f"{URL_VARIABLE if is_default else name}: {details['msg']}") from error
