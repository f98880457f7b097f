"""Logs: one event word plus fields a line, on standard error, as the workers write theirs."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs() -> None:
    """Send our own events through structlog; uvicorn keeps the standard library's logging.

    Without this, structlog would print tracebacks with local variables, and one of those is the
    database's password.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
