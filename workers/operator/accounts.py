"""The operators' commands about provider accounts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.account import DEFAULT_ACCOUNT_NAME, Account
from models.operations.accounts import pause_account, resume_account
from models.operations.scheduling.poll_wakeups import ensure_lane
from models.operations.texts.rates import set_rate
from models.slot import Slot
from reelqueue.builder import PLAN_KEY, WORKSPACE_HEADER
from reelqueue.catalog import lookup
from reelqueue.catalog.text_limits import TextLimits
from reelqueue.errors import ReelqueueError
from reelqueue.pricing import region_of
from workers.operator.account_health import Health, health_of_accounts
from workers.operator.console import AsJson, open_context
from workers.runtime.context import Context

accounts = typer.Typer(no_args_is_help=True, help="Provider accounts.")

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_WORKSPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)

BaseUrl = Annotated[str | None, typer.Option(help="Scheme and host that submits go to, without /api/v1.")]
KeyEnv = Annotated[str | None, typer.Option(help="Name of the environment variable that holds its key.")]
Region = Annotated[str | None, typer.Option(help="Decides on prices; read from the base URL unless given.")]
Model = Annotated[list[str] | None, typer.Option(help="A model that it renders; repeat it. Every model unless given.")]
Slots = Annotated[list[str] | None, typer.Option(metavar="MODEL=N", help="Its slots, where not the published ones.")]
Workspace = Annotated[str | None, typer.Option(help="Its workspace at the provider; empty for the key's own.")]
TextBaseUrl = Annotated[
    str | None,
    typer.Option(help="Where its language models are asked, with its path; empty: /compatible-mode/v1 of its host."),
]
TextRate = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL=RPM/TPM",
        help="Requests and tokens per minute of a language model, such as qwen3.7-plus=600/1000000, where not the "
        "published ones; MODEL= takes them back. Repeat it.",
    ),
]
LookAhead = Annotated[int | None, typer.Option(min=0, help="Tasks queued beyond its slots; 0 where it rejects them.")]


@accounts.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show the accounts, what they hold and how they are."""
    with open_context() as context, context.sessions.begin() as session:
        now = context.clock.now(session)
        found = health_of_accounts(session, context.environment, now=now)
    for health in found:
        typer.echo(json.dumps(vars(health), default=str) if as_json else "\n".join(_lines(health)))


def _lines(health: Health) -> Iterator[str]:
    yield f"{health.name}: {health.state}"
    yield f"    {health.region}, {health.base_url}"
    yield f"    key: {health.key_env}" + ("" if health.has_key else ", which is not set here")
    yield "    models: " + ("all" if health.models is None else ", ".join(health.models))
    held = (f"{model} {count} of {limit}" for model, (count, limit) in health.slots.items())
    yield "    slots held: " + (", ".join(held) or "none")
    yield f"    limits: {health.limits}"
    yield f"    language models: {health.text_base_url}; {health.text_rates}"


@accounts.command("add")
def add_command(
    name: str,
    *,
    base_url: Annotated[str, typer.Option(help="Scheme and host that submits go to, without /api/v1.")],
    key_env: Annotated[str, typer.Option(help="Name of the environment variable that holds its key.")],
    region: Region = None,
    model: Model = None,
    slots: Slots = None,
    look_ahead: LookAhead = None,
    workspace: Workspace = None,
    text_base_url: TextBaseUrl = None,
    text_rate: TextRate = None,
) -> None:
    """Add an account: jobs whose model it renders go to it as well."""
    with open_context() as context:
        with context.sessions.begin() as session:
            if session.scalars(select(Account.id).where(Account.name == name)).one_or_none() is not None:
                raise ReelqueueError(f"there is an account named {name} already; change it, or choose another name")
            account = Account(name=name, base_url="", region="", key_env="")
            _refuse_plan_key(context, key_env)
            _change(account, base_url, key_env, region, model, slots, look_ahead)
            _change_texts(account, text_base_url, text_rate)
            _move(session, account, workspace)
            _refuse_twin(session, account)
            session.add(account)
            session.flush()
            ensure_lane(session, account.id)
        context.hints.dispatch()
    typer.echo(f"account {name} is added; set {key_env} for the workers")


@accounts.command("change")
def change_command(
    name: str,
    *,
    base_url: BaseUrl = None,
    key_env: KeyEnv = None,
    region: Region = None,
    model: Model = None,
    slots: Slots = None,
    look_ahead: LookAhead = None,
    workspace: Workspace = None,
    text_base_url: TextBaseUrl = None,
    text_rate: TextRate = None,
) -> None:
    """Change an account; its tasks are followed where they were submitted. What is not given stays."""
    if name == DEFAULT_ACCOUNT_NAME and (base_url or key_env or text_base_url is not None):
        raise ReelqueueError(
            "the default account's base URLs and key come from the environment; "
            "set REELQUEUE_VIDEO_BASE_URL, REELQUEUE_TEXT_BASE_URL and ALIBABA_API_KEY for the workers"
        )
    with open_context() as context:
        with context.sessions.begin() as session:
            account = _named(session, name)
            _change(account, base_url, key_env, region, model, slots, look_ahead)
            _change_texts(account, text_base_url, text_rate)
            _move(session, account, workspace)
        context.hints.dispatch()
    typer.echo(f"account {name} is changed")


@accounts.command("pause")
def pause_command(name: str, *, reason: Annotated[str, typer.Option(help="For people.")] = "by an operator") -> None:
    """Submit nothing more to an account; what it renders is followed on."""
    with open_context() as context, context.sessions.begin() as session:
        account = _named(session, name)
        if account.paused_at is not None:
            raise ReelqueueError(f"account {name} is paused already: {account.paused_reason}")
        pause_account(session, account.id, reason, now=context.clock.now(session))
    typer.echo(f"account {name} is paused")


@accounts.command("resume")
def resume_command(name: str) -> None:
    """Submit to a paused account again."""
    with open_context() as context:
        with context.sessions.begin() as session:
            if not resume_account(session, name):
                raise ReelqueueError(f"account {name} is not paused, or there is none of that name")
        context.hints.dispatch()
    typer.echo(f"account {name} is resumed")


def _refuse_plan_key(context: Context, key_env: str) -> None:
    """Refuse a plan key, where this process sees it; the workers refuse it wherever they do."""
    if context.environment.get(key_env, "").strip().startswith(PLAN_KEY):
        raise ReelqueueError(
            f"{key_env} holds a plan key ({PLAN_KEY}...), and the provider's terms forbid automation with one and "
            "suspend who does it; set a pay-as-you-go key (sk-...)"
        )


def _refuse_twin(session: Session, account: Account) -> None:
    """Refuse a second account with the same key: each row would use all of the account's slots."""
    same = select(Account.name).where(Account.base_url == account.base_url, Account.key_env == account.key_env)
    twin = session.scalars(same).first()
    if twin is not None:
        raise ReelqueueError(
            f"account {twin} has the same base URL and key already; the provider counts its limits over all keys of a "
            "main account, so one account here covers all of them"
        )


def _named(session: Session, name: str) -> Account:
    account = session.scalars(select(Account).where(Account.name == name).with_for_update(key_share=True)).one_or_none()
    if account is None:
        known = ", ".join(session.scalars(select(Account.name).order_by(Account.name))) or "none"
        raise ReelqueueError(f"there is no account named {name}; there are: {known}")
    return account


def _change(
    account: Account,
    base_url: str | None,
    key_env: str | None,
    region: str | None,
    model: list[str] | None,
    slots: list[str] | None,
    look_ahead: int | None,
) -> None:
    if base_url is not None:
        account.base_url = _read_base_url(base_url)
        account.region = region_of(account.base_url)
    if region is not None:
        account.region = region
    if key_env is not None:
        account.key_env = _read_variable(key_env)
    if model:
        account.models = [_read_model(one) for one in model]
    if slots:
        account.slot_limits = {**(account.slot_limits or {}), **dict(_read_slots(one) for one in slots)}
    if look_ahead is not None:
        account.look_ahead = look_ahead


def _change_texts(account: Account, base_url: str | None, rates: list[str] | None) -> None:
    if base_url is not None:
        account.text_base_url = _read_text_base_url(base_url) if base_url else None
    for model, rate in map(_read_rate, rates or ()):
        set_rate(account, model, rate)


def _move(session: Session, account: Account, workspace: str | None) -> None:
    """Put an account into a workspace; a task in another may be neither found nor listed, and is paid for again."""
    if workspace is None:
        return
    if workspace and _WORKSPACE.fullmatch(workspace) is None:
        raise typer.BadParameter(f"{workspace[:80]!r} is not the id of a workspace", param_hint="--workspace")
    held = session.scalars(select(func.count()).select_from(Slot).where(Slot.account_id == account.id)).one()
    if held:
        raise ReelqueueError(
            f"account {account.name} has {held} tasks under way, which would not be found in another workspace; "
            f"pause it (python -m workers accounts pause {account.name}) and wait until they have ended"
        )
    kept = {name: value for name, value in (account.headers or {}).items() if name.lower() != WORKSPACE_HEADER.lower()}
    account.headers = kept | ({WORKSPACE_HEADER: workspace} if workspace else {})


def _read_base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise typer.BadParameter(f"{text!r} is not of the form https://HOST, without a path", param_hint="--base-url")
    return text.rstrip("/")


def _read_text_base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.path.strip("/") or parts.query:
        raise typer.BadParameter(
            f"{text!r} is not of the form https://HOST/PATH, such as https://HOST/compatible-mode/v1",
            param_hint="--text-base-url",
        )
    return text.rstrip("/")


def _read_rate(text: str) -> tuple[str, TextLimits | None]:
    model, _, rate = text.rpartition("=")
    requests, _, tokens = rate.partition("/")
    if not model or (rate and not (_is_count(requests) and _is_count(tokens))):
        raise typer.BadParameter(
            f"{text!r} is not of the form MODEL=RPM/TPM with whole numbers from 1, such as qwen-plus=600/1000000",
            param_hint="--text-rate",
        )
    return model, TextLimits(int(requests), int(tokens)) if rate else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) > 0


def _read_variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        # Most likely the key itself, which must not be repeated.
        raise typer.BadParameter("give the name of the variable, not the key itself", param_hint="--key-env")
    return text


def _read_model(text: str) -> str:
    if lookup(text) is None:
        typer.echo(f"warning: {text} is not in the catalog; see reelqueue models", err=True)
    return text


def _read_slots(text: str) -> tuple[str, Any]:
    model, _, count = text.rpartition("=")
    if not model or not count.isdecimal() or int(count) < 1:
        raise typer.BadParameter(f"{text!r} is not of the form MODEL=N with N from 1", param_hint="--slots")
    return model, int(count)
