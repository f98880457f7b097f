"""The API's settings, from the environment; nothing else in `api` reads it."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from models.settings import ServiceSettings, WebhookSettings, read_settings
from reelqueue.builder import DEFAULT_VIDEO_BASE_URL


class ApiSettings(ServiceSettings, WebhookSettings):
    """What the API needs beside the addresses of the services."""

    video_base_url: str = Field(
        default=DEFAULT_VIDEO_BASE_URL,
        pattern=r"^https?://[^/]+/?$",
        description="Host that previews name and whose region prices are of; Singapore unless set",
    )
    api_require_key: bool | None = Field(
        default=None,
        description="Whether callers need a bearer key; unless set, only where the API is not bound to loopback",
    )
    api_session_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Any 32 characters or more that stay secret: signs the sessions of browsers; unless set, one is "
        "made at each start, so that sessions end with the process, and each of several processes has its own",
    )
    api_metrics_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Any 32 characters or more that stay secret: opens `/metrics` where callers need keys; unless set, "
        "nothing opens it there",
    )
    api_max_body_bytes: int = Field(
        default=64 * 1024**2,
        gt=0,
        description="A larger request is refused; two frames of 20 MB as data URIs fit. Where no pictures go, 1 MiB is "
        "the most",
    )
    api_body_timeout_seconds: float = Field(
        default=60, gt=0, description="A request whose body takes longer to arrive is refused"
    )
    api_database_connections: int = Field(
        default=20, gt=0, description="Connections kept by one API process; as many again for a moment"
    )
    api_connections: int = Field(
        default=2000, gt=0, description="Open connections of one API process, listeners included; above it, 503"
    )
    api_listeners_per_tenant: int = Field(
        default=250, gt=0, description="Event streams that one tenant may have open at one API process"
    )
    api_queued_jobs_per_tenant: int = Field(
        default=1_000_000, gt=0, description="Jobs that one tenant may have queued; above it, more are refused"
    )
    api_open_imports_per_tenant: int = Field(
        default=50, gt=0, description="Imports of campaign files that one tenant may have begun and not committed"
    )
    api_staged_bytes_per_tenant: int = Field(
        default=10 * 1024**3, gt=0, description="What a tenant's open imports may take in the database together"
    )
    api_listeners: int = Field(default=1000, gt=0, description="Event streams that may be open at one API process")

    @field_validator("api_session_key", "api_metrics_key", mode="before")
    @classmethod
    def _empty_key_is_none(cls, key: object) -> object:
        return key or None  # compose.yaml cannot leave a variable out


def load_settings() -> ApiSettings:
    """The settings of this process.

    Raises:
        ConfigurationError: a variable has a wrong value; the message names it.
    """
    return read_settings(ApiSettings)
