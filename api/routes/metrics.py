"""Numbers of the whole server for Prometheus, read from the record at each scrape."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from api.auth.authentication import bearer_key, caller
from api.dependencies import OpenClock, OpenSession, context_of
from api.problem_details import ProblemError
from models.operations.monitoring.figures import Figure, read_figures

router = APIRouter(tags=["health"])

PREFIX: Final = "reelqueue_"


def check_reader(request: Request) -> None:
    """Let operators read: with the key of the setting, or without keys on this machine.

    Raises:
        ProblemError: 401 for any other caller; a tenant's key opens nothing here.
    """
    context = context_of(request)
    if not context.require_key:
        caller(request)
        return
    key = context.settings.api_metrics_key
    given = bearer_key(request)
    if key is None or given is None or not hmac.compare_digest(given.encode(), key.get_secret_value().encode()):
        raise ProblemError(
            401,
            "unauthorized",
            "metrics are about every tenant: send the key that operators have set as REELQUEUE_API_METRICS_KEY "
            "(Authorization: Bearer KEY); keys of tenants do not open them",
            headers={"WWW-Authenticate": 'Bearer realm="reelqueue"'},
        )


@router.get(
    "/metrics",
    include_in_schema=False,  # for operators: generated clients of producers have no use for it
)
def read_metrics(_may_read: Annotated[None, Depends(check_reader)], session: OpenSession, clock: OpenClock) -> Response:
    """Every number of the record in Prometheus' text format, all of one moment."""
    # One snapshot: a job that moves meanwhile is counted once.
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return Response(_text(list(read_figures(session, clock()))), media_type=CONTENT_TYPE_LATEST)


def _text(figures: list[Figure]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return generate_latest(registry)


class _Figures(Collector):
    """Figures as Prometheus' client wants them."""

    def __init__(self, figures: list[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family each."""
        for figure in self._figures:
            family = GaugeMetricFamily(f"{PREFIX}{figure.name}", figure.words, labels=figure.labels)
            for labels, value in figure.values:
                family.add_metric(labels, value)
            yield family
