"""Where the record and the broker are: settings that the API and the workers share."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from models.storage import TIMEOUT_SECONDS, Archive, LineLog, open_archive, open_line_log
from reelqueue.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)

_NOWHERE: Final = "off"
_JOURNAL_SECONDS: Final = 5.0
"""For a bucket to take a line of the journal: a submit waits for it, and is not sent when this takes long."""


class ServiceSettings(BaseSettings):
    """Addresses of the services, from the environment.

    They are secrets because a database or broker URL may carry a password.
    """

    model_config = SettingsConfigDict(
        env_prefix="REELQUEUE_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # a URL may hold a password
    )

    database_url: SecretStr = Field(
        default=SecretStr("postgresql+psycopg://reelqueue@127.0.0.1:5432/reelqueue"),
        description="SQLAlchemy URL of Postgres, with the psycopg driver",
    )
    broker_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Celery's broker: Redis or Valkey, by TCP or socket",
    )
    archive_url: str = Field(
        default="file:.reelqueue/archive",
        description="Where finished files are kept: `file:///FOLDER`, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or "
        "`az://CONTAINER/PREFIX`; a bucket's credentials come in its cloud's own variables",
    )
    journal_url: str | None = Field(
        default=None,
        description="Where each submit is noted before it leaves, so that a restored database does not pay again: a "
        "place like `REELQUEUE_ARCHIVE_URL` that submitting and control workers share; `.journal` in the archive "
        f"unless set, and nowhere with `{_NOWHERE}`",
    )
    storage_timeout_seconds: float = Field(
        default=TIMEOUT_SECONDS,
        gt=0,
        description="For a bucket to take a part of 5 MiB, or to send the next bytes of a file",
    )
    storage_scratch_path: Path | None = Field(
        default=None,
        description="Folder of the host for files on their way to a bucket, as many at a time as the worker has "
        "threads; one of the system's temporary ones unless set",
    )

    def open_archive(self) -> Archive:
        """The archive that they name.

        Raises:
            ConfigurationError: They name none.
        """
        return open_archive(
            self.archive_url, scratch=self.storage_scratch_path, timeout_seconds=self.storage_timeout_seconds
        )

    def open_journal(self) -> LineLog | None:
        """The place of the journal of submits; None: there is none.

        Raises:
            ConfigurationError: They name no place that can be used.
        """
        if self.journal_url == _NOWHERE:
            return None
        url = self.journal_url or f"{self.archive_url.rstrip('/')}/.journal"
        return open_line_log(url, timeout_seconds=_JOURNAL_SECONDS)

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


class WebhookSettings(BaseSettings):
    """Webhooks: what the API, which makes endpoints, and the workers, which post to them, must agree on."""

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    webhook_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Any 32 characters or more that stay secret: what each endpoint's signing secret is derived from; "
        "without it there are no webhooks",
    )
    webhook_private_hosts: str | None = Field(
        default=None,
        description="Hosts in our own network that webhooks may be posted to, also over plain http; comma-separated",
    )

    @field_validator("webhook_key", mode="before")
    @classmethod
    def _empty_is_none(cls, key: object) -> object:
        return key or None  # compose.yaml cannot leave a variable out

    @property
    def private_hosts(self) -> frozenset[str]:
        """Hosts in our own network that webhooks may be posted to."""
        hosts = (self.webhook_private_hosts or "").split(",")
        return frozenset(host.strip().lower() for host in hosts if host.strip())


def read_settings(group: type[S]) -> S:
    """A group of settings from the environment.

    Raises:
        ConfigurationError: A variable has a wrong value; the message names it.
    """
    try:
        return group()
    except ValidationError as error:
        prefix = group.model_config.get("env_prefix", "")
        wrong = (f"{_variable(prefix, item['loc'])}{item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the environment has a wrong value: {'; '.join(wrong)}") from error


def _variable(prefix: str, location: tuple[int | str, ...]) -> str:
    # A rule over several variables has no location, and names them in its message.
    return f"{prefix}{location[0]}: ".upper() if location else ""
