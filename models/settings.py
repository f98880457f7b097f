"""Where the record and the broker are: settings that the API and the workers share."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Addresses of the services, from the environment.

    They are secrets because a database or broker URL may carry a password.
    """

    model_config = SettingsConfigDict(env_prefix="REELQUEUE_", frozen=True, extra="ignore")

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
        description="Where finished files are kept: a file: URL of a folder",
    )
