"""Logs: one event word plus fields a line, on standard error."""

from __future__ import annotations

import logging
import sys

import structlog

_LIBRARY_FORMAT = "timestamp=%(asctime)s level=%(levelname)s event=library logger=%(name)s message=%(message)r"


def configure_logs(level: int = logging.INFO) -> None:
    """Send our own events through structlog, and libraries' warnings and errors to the same place.

    Libraries speak at INFO of each message they move; that is Flower's to show.
    """
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format=_LIBRARY_FORMAT, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
