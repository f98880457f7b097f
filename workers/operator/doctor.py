"""``python -m workers doctor``: checks everything that a render needs, one line each, with the remedy."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from celery import Celery
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.storage import StorageError
from reelqueue.builder import KEY_VARIABLES, PLAN_KEY
from reelqueue.errors import ConfigurationError
from workers.audit.invariants import BILL_IS_RESERVED
from workers.operator.channels.health import channel_troubles
from workers.operator.record.checks import CLOCK_TOLERANCE_SECONDS, CheckLine, record_checks, tables
from workers.operator.record.price_health import ends_ahead, missing_models
from workers.recovery.journal_coverage import read_coverage
from workers.runtime.context import Context

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_ANSWER_SECONDS: Final = 3.0
_BILLS_WINDOW: Final = timedelta(days=7)


def examine(context: Context, app: Celery) -> Iterator[CheckLine]:
    """Run one check after the other; a check that fails is a line and no error."""
    yield from _database(context)
    broker = _broker(app)
    yield broker
    yield _keys(context)
    yield _storage(context)
    yield _journal(context)
    yield _workers(app) if broker.is_healthy else CheckLine("workers", False, "cannot be asked without the broker")
    yield _flower(context)


def _database(context: Context) -> Iterator[CheckLine]:
    try:
        with context.sessions() as session:
            version = session.scalars(text("SHOW server_version")).one()
            yield CheckLine("database", True, f"Postgres {version} answers")
            yield _migrations(session)
            yield _clock(context, session)
            yield from _missing_keys(context, session)
            yield from record_checks(context, session)
            yield from _model_ends(session, context.clock.now(session))
            yield from _bills(context, session)
            yield from _channels(context, session, context.clock.now(session))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield CheckLine(
            "database",
            False,
            reason,
            "start Postgres (./run up brings its own), or set REELQUEUE_DATABASE_URL to where it is",
        )


def _migrations(session: Session) -> CheckLine:
    config = Config(_CHECKOUT / "alembic.ini")
    wanted = ScriptDirectory.from_config(config).get_current_head()
    present = MigrationContext.configure(session.connection()).get_current_revision()
    seen = f"at {present or 'nothing'}, newest is {wanted}"
    return CheckLine("migrations", present == wanted, seen, "alembic upgrade head")


def _clock(context: Context, session: Session) -> CheckLine:
    apart = abs((datetime.now(UTC) - context.clock.now(session)).total_seconds())
    seen = f"{apart:.1f} s apart from the database's"
    return CheckLine("clock", apart < CLOCK_TOLERANCE_SECONDS, seen, "synchronise this host's clock (NTP)")


def _missing_keys(context: Context, session: Session) -> Iterator[CheckLine]:
    """Accounts other than the default one that would pause at their first job."""
    if "accounts" not in tables(session):
        return
    added = select(Account).where(Account.paused_at.is_(None), Account.name != DEFAULT_ACCOUNT_NAME)
    for account in session.scalars(added.order_by(Account.name)):
        try:
            context.key_of(account)
        except ConfigurationError as error:
            yield CheckLine(f"key of account {account.name}", False, f"cannot be used here: {error}")


def _bills(context: Context, session: Session) -> Iterator[CheckLine]:
    if "ledger_entries" not in tables(session):
        return
    since = context.clock.now(session) - _BILLS_WINDOW
    late = text(f"SELECT count(*) FROM ({BILL_IS_RESERVED.query}) beyond WHERE at >= :since")  # noqa: S608
    count = session.scalars(late, {"since": since}).one()
    remedy = "python -m workers audit names the jobs; compare their prices with the provider's bill, and tell us"
    yield CheckLine(
        "bills", not count, f"{count} tasks of the last week were billed more than was reserved for them", remedy
    )


def _channels(context: Context, session: Session, now: datetime) -> Iterator[CheckLine]:
    if "notification_channels" not in tables(session):
        return
    for trouble in channel_troubles(context, session, now):
        yield CheckLine(trouble.subject, False, trouble.seen, trouble.remedy)


def _broker(app: Celery) -> CheckLine:
    remedy = "start Redis or Valkey, or set REELQUEUE_BROKER_URL to where it is"
    return _attempt("broker", lambda: _ping(app), remedy)


def _ping(app: Celery) -> str:
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_ANSWER_SECONDS)
        return f"{connection.transport.driver_type} answers"


def _model_ends(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "model_lists" not in tables(session):
        return
    for said in missing_models(session):
        yield CheckLine("prices", False, said, "python -m workers prices list; docs/prices.md")
    for said in ends_ahead(session, now):
        yield CheckLine("models", False, said, "let what waits for it be rendered before, and use another model")


def _keys(context: Context) -> CheckLine:
    variable = next((name for name in KEY_VARIABLES if context.environment.get(name, "").strip()), None)
    host = urlsplit(context.settings.provider.video_base_url).hostname
    if variable and context.environment[variable].strip().startswith(PLAN_KEY):
        seen = f"{variable} holds a plan key ({PLAN_KEY}...), with which the provider forbids automation"
        return CheckLine("key", False, seen, "set a pay-as-you-go key (sk-...)")
    seen = f"{variable} is set, for {host}" if variable else f"neither {' nor '.join(KEY_VARIABLES)} is set"
    return CheckLine("key", variable is not None, seen, f"export {KEY_VARIABLES[0]}=… for the workers")


def _storage(context: Context) -> CheckLine:
    remedy = "make it writable for this user or key (docs/archive.md), or set REELQUEUE_ARCHIVE_URL to another"
    return _attempt("storage", context.archive.check, remedy)


def _journal(context: Context) -> CheckLine:
    if context.journal.place is None:
        return CheckLine("journal", True, context.journal.check())
    try:
        context.journal.check()
        coverage = read_coverage(context.sessions, context.journal)
    except StorageError as error:
        remedy = "nothing is submitted until it can be written: fix it, or set REELQUEUE_JOURNAL_URL; docs/runbooks.md"
        return CheckLine("journal", False, str(error), remedy)
    except SQLAlchemyError:
        return CheckLine("journal", False, "cannot be compared without the database")
    remedy = "give all hosts of submit and control workers one REELQUEUE_JOURNAL_URL; submits of before it never count"
    return CheckLine("journal", coverage.is_healthy, str(coverage), remedy)


def _workers(app: Celery) -> CheckLine:
    def ask() -> str:
        answers = app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
        served = {queue["name"] for queues in answers.values() for queue in queues}
        missing = {"control", "submit", "poll", "archive", "text", "batch", "intake"} - served
        if missing:
            raise LookupError(f"{len(answers)} answer, and no worker serves {', '.join(sorted(missing))}")
        return f"{len(answers)} answer and serve every queue"

    return _attempt("workers", ask, "celery -A workers.app worker")


def _flower(context: Context) -> CheckLine:
    url = context.environment.get("REELQUEUE_FLOWER_URL", "http://127.0.0.1:5555")
    parts = urlsplit(url)
    remedy = "start Flower from the checkout, whose flowerconfig.py asks for FLOWER_BASIC_AUTH=USER:PASSWORD"
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=_ANSWER_SECONDS)
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/tasks")
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return CheckLine("flower", True, f"does not run at {url}")
    return CheckLine("flower", status == 401, f"answers {status} without credentials at {url}", remedy)


def _attempt(subject: str, look: Callable[[], str], remedy: str) -> CheckLine:
    try:
        return CheckLine(subject, True, look())
    except Exception as error:  # noqa: BLE001 -- a doctor reports whatever is broken, of any library
        return CheckLine(subject, False, f"{type(error).__name__}: {error}".splitlines()[0], remedy)
