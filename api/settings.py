"""The API's settings, from the environment; nothing else in `api` reads it."""

from __future__ import annotations

from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from models.settings import ServiceSettings
from reelqueue.builder import DEFAULT_VIDEO_BASE_URL
from reelqueue.errors import ConfigurationError


class ApiSettings(ServiceSettings):
    """What the API needs beside the addresses of the services."""

    model_config = SettingsConfigDict(
        env_prefix="REELQUEUE_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # a URL may hold a password
    )

    video_base_url: str = Field(
        default=DEFAULT_VIDEO_BASE_URL,
        pattern=r"^https?://[^/]+/?$",
        description="Host that previews name and whose region prices are of; Singapore unless set",
    )
    api_require_key: bool | None = Field(
        default=None,
        description="Whether callers need a bearer key; unless set, only where the API is not bound to loopback",
    )
    api_max_body_bytes: int = Field(
        default=64 * 1024**2,
        gt=0,
        description="A larger request is refused; two frames of 20 MB as data URIs fit",
    )
    api_body_timeout_seconds: float = Field(
        default=60, gt=0, description="A request whose body takes longer to arrive is refused"
    )
    api_database_connections: int = Field(
        default=20, gt=0, description="Connections kept by one API process; as many again for a moment"
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr) -> SecretStr:
        try:
            driver = make_url(url.get_secret_value()).drivername
        except ArgumentError:
            driver = None
        if driver != "postgresql+psycopg":
            raise ValueError("write it as postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE")
        return url

    @field_validator("broker_url")
    @classmethod
    def _has_transport(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            is_known = parts.scheme.partition("+")[0] in TRANSPORT_ALIASES and (parts.port is None or parts.port > 0)
        except ValueError:  # its text may quote a password that holds a colon
            is_known = False
        if not is_known:
            raise ValueError("write it as redis://HOST:PORT/NUMBER, or redis+socket:///PATH, with a broker of Celery's")
        return url


def load_settings() -> ApiSettings:
    """The settings of this process.

    Raises:
        ConfigurationError: a variable has a wrong value; the message names it.
    """
    try:
        return ApiSettings()
    except ValidationError as error:
        wrong = "; ".join(f"REELQUEUE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"the environment has a wrong value: {wrong}") from error
