"""``python -m workers doctor``: checks everything that a render needs, one line each, with the remedy."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from models.account_clock import AccountClock
from models.operations.scheduling.submit_gates import obstacles
from models.storage import StorageError
from models.submit_lane import SubmitLane
from reelqueue.builder import KEY_VARIABLES, PLAN_KEY
from reelqueue.errors import ConfigurationError
from workers.archive.backlog import read_backlog
from workers.audit.invariants import BILL_IS_RESERVED
from workers.operator.channels.health import channel_troubles
from workers.operator.odd_tasks import odd_tasks
from workers.operator.prices import ends_ahead, price_problems
from workers.operator.text_health import text_troubles
from workers.orphans.adoption import adopted_since
from workers.recovery.journal_coverage import read_coverage
from workers.runtime.context import Context

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_CLOCK_TOLERANCE_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 3.0
_BILLS_WINDOW: Final = timedelta(days=7)
_LONG_HOLD: Final = timedelta(minutes=10)
"""A refusal for the pace alone holds a model for less."""


@dataclass(frozen=True)
class CheckLine:
    """The result of one check."""

    subject: str
    is_healthy: bool
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "ok " if self.is_healthy else "BAD"
        remedy = f" -> {self.remedy}" if self.remedy and not self.is_healthy else ""
        return f"{mark} {self.subject}: {self.seen}{remedy}"


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
            yield from _accounts(context, session, context.clock.now(session))
            yield from _provider_clocks(session, context.clock.now(session))
            yield from _gates(session, context.clock.now(session))
            yield from _orphans(session, context.clock.now(session))
            yield from _backlog(context, session)
            yield from _prices(session, context.clock.now(session))
            yield from _odd_tasks(session)
            yield from _bills(context, session)
            yield from _texts(session, context.clock.now(session))
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
    return CheckLine("clock", apart < _CLOCK_TOLERANCE_SECONDS, seen, "synchronise this host's clock (NTP)")


def _accounts(context: Context, session: Session, now: datetime) -> Iterator[CheckLine]:
    if "accounts" not in _tables(session):
        return
    held = select(Account.name, SubmitLane.model, SubmitLane.throttled_until).join(
        SubmitLane, SubmitLane.account_id == Account.id
    )
    for name, model, until in session.execute(held.where(SubmitLane.throttled_until > now + _LONG_HOLD)):
        remedy = f"raise the quota, or python -m workers accounts resume {name} submits at once"
        yield CheckLine(
            f"{model} of account {name}", False, f"the provider wants it held until {until:%Y-%m-%d %H:%M} UTC", remedy
        )
    yield from _missing_keys(context, session)
    for account in session.scalars(select(Account).where(Account.paused_at.is_not(None))):
        remedy = f"fix it, then python -m workers accounts resume {account.name}"
        yield CheckLine(f"account {account.name}", False, f"paused: {account.paused_reason}", remedy)


def _missing_keys(context: Context, session: Session) -> Iterator[CheckLine]:
    """Accounts other than the default one that would pause at their first job."""
    added = select(Account).where(Account.paused_at.is_(None), Account.name != DEFAULT_ACCOUNT_NAME)
    for account in session.scalars(added.order_by(Account.name)):
        try:
            context.key_of(account)
        except ConfigurationError as error:
            yield CheckLine(f"key of account {account.name}", False, f"cannot be used here: {error}")


def _provider_clocks(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "account_clocks" not in _tables(session):
        return
    measured = select(Account.name, AccountClock).join(Account, Account.id == AccountClock.account_id)
    for name, clock in session.execute(measured.order_by(Account.name)):
        minutes = max((now - clock.measured_at).total_seconds(), 0) / 60
        where = "ahead of" if clock.offset_seconds > 0 else "behind"
        seen = (
            f"the provider's is {abs(clock.offset_seconds):.1f} s {where} the database's "
            f"(within {clock.uncertainty_seconds:.1f} s, measured {minutes:.0f} min ago)"
        )
        is_healthy = abs(clock.offset_seconds) - clock.uncertainty_seconds < _CLOCK_TOLERANCE_SECONDS
        remedy = "synchronise the database host's clock (NTP); docs/deployment.md says what hangs on it"
        yield CheckLine(f"clock of {name}", is_healthy, seen, remedy)


def _gates(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "submit_gates" not in _tables(session):
        return
    for one in obstacles(session, now):
        models = "takes no submits" if one.models is None else f"takes no submits of {', '.join(one.models)}"
        remedy = "python -m workers recover shows what is open and decides it; see docs/runbooks.md"
        yield CheckLine(f"gate of {one.account}", False, f"{models}: {one.reason}", remedy)


def _orphans(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "accounts" not in _tables(session):
        return
    for account in session.scalars(select(Account).where(Account.orphans_seen_at.is_not(None))):
        left = account.orphan_task_ids or []
        adopted = adopted_since(session, account, now - timedelta(hours=24))
        seen = (
            f"{len(left)} tasks that belong to no job, as of {account.orphans_seen_at:%Y-%m-%d %H:%M} UTC; "
            f"{adopted} adopted within 24 hours"
        )
        remedy = "python -m workers adopt shows them; find out who else uses the key"
        yield CheckLine(f"orphans of {account.name}", not left, seen, remedy)


def _backlog(context: Context, session: Session) -> Iterator[CheckLine]:
    if "render_jobs" not in _tables(session):
        return
    now, alarm = context.clock.now(session), timedelta(hours=context.settings.archive.expiry_alarm_hours)
    waiting = read_backlog(session)
    remedy = "results are gone for good 24 hours after their render; fix the archive, and see docs/archive.md"
    yield CheckLine("archive backlog", waiting.is_healthy(now, alarm), waiting.words(now), remedy)


def _bills(context: Context, session: Session) -> Iterator[CheckLine]:
    if "ledger_entries" not in _tables(session):
        return
    since = context.clock.now(session) - _BILLS_WINDOW
    late = text(f"SELECT count(*) FROM ({BILL_IS_RESERVED.query}) beyond WHERE at >= :since")  # noqa: S608
    count = session.scalars(late, {"since": since}).one()
    remedy = "python -m workers audit names the jobs; compare their prices with the provider's bill, and tell us"
    yield CheckLine(
        "bills", not count, f"{count} tasks of the last week were billed more than was reserved for them", remedy
    )


def _texts(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "text_lanes" not in _tables(session):
        return
    for trouble in text_troubles(session, now):
        yield CheckLine(trouble.subject, False, trouble.seen, trouble.remedy)


def _channels(context: Context, session: Session, now: datetime) -> Iterator[CheckLine]:
    if "notification_channels" not in _tables(session):
        return
    for trouble in channel_troubles(context, session, now):
        yield CheckLine(trouble.subject, False, trouble.seen, trouble.remedy)


def _odd_tasks(session: Session) -> Iterator[CheckLine]:
    if "render_jobs" not in _tables(session):
        return
    odd = odd_tasks(session)
    remedy = "ask the provider about them within a day of their submit, while it keeps what they rendered"
    seen = str(odd) if odd.count else "each task is described in words that are known"
    yield CheckLine("odd answers", not odd.count, seen, remedy)


def _tables(session: Session) -> set[str]:
    return set(session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))


def _broker(app: Celery) -> CheckLine:
    remedy = "start Redis or Valkey, or set REELQUEUE_BROKER_URL to where it is"
    return _attempt("broker", lambda: _ping(app), remedy)


def _ping(app: Celery) -> str:
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_ANSWER_SECONDS)
        return f"{connection.transport.driver_type} answers"


def _prices(session: Session, now: datetime) -> Iterator[CheckLine]:
    if "model_lists" not in _tables(session):
        return
    for said in price_problems(session):
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
