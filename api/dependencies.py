"""What the endpoints need: settings, sessions, archive and hints, opened and closed with the app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from celery import Celery
from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from api.dispatch_hints import DispatchHints
from api.settings import ApiSettings
from models.storage import Archive
from reelqueue.pricing import region_of


@dataclass(frozen=True)
class Services:
    """The outside world of one API process."""

    settings: ApiSettings
    require_key: bool
    """Whether callers without a key are refused."""
    engine: Engine
    sessions: sessionmaker[Session]
    archive: Archive
    producer: Celery
    hints: DispatchHints
    session_secret: bytes
    """Signs what browsers show in place of a key."""

    @property
    def region(self) -> str:
        """The provider's region, which prices depend on."""
        return region_of(self.settings.video_base_url)


def services(request: Request) -> Services:
    """The services of the app that *request* reached."""
    return cast("Services", request.app.state.services)


def _session(request: Request) -> Iterator[Session]:
    with services(request).sessions() as session:
        yield session


# Closed when the endpoint returns, not when the answer has been read: a slow reader holds no connection.
OpenSession = Annotated[Session, Depends(_session, scope="function")]
"""A session for one endpoint, which commits it itself."""

OpenServices = Annotated[Services, Depends(services)]
"""The app's services."""
