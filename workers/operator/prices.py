"""The operators' commands about prices: what counts, where it is from, and what counts instead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from rich.table import Column
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.model_price import ModelPrice
from models.operations.money.prices import known_prices, lock_prices, newest_prices, tiers_of
from reelqueue.catalog import MODELS
from reelqueue.catalog.price_list import CURRENCY_BY_REGION, rate_of
from reelqueue.cli._output import print_table
from reelqueue.errors import ReelqueueError
from reelqueue.pricing import region_of
from workers.dispatch.price_file import OperatorPrice, clear_price, import_prices, store_price
from workers.dispatch.read_models import read_models
from workers.operator.console import AsJson, open_context
from workers.operator.record.price_health import missing_models, price_problems, utc_moment
from workers.runtime.context import Context

prices = typer.Typer(no_args_is_help=True, help="What a second of video costs, and who says so.")

_ORIGIN: Final = "command line"

_Model = Annotated[str, typer.Argument(help="The provider's model id.")]
_Region = Annotated[str | None, typer.Option("--region", help="The default account's unless given.")]


@dataclass(frozen=True)
class PriceLine:
    """The price of a second of one model at one tier, as it counts now."""

    model: str
    region: str
    tier: str
    per_second: str
    silent_per_second: str
    currency: str
    source: str
    """operator, provider, release or estimate."""
    day: str
    """On which it was set or first read; of a release's table, the first day of its month."""
    ends_at: str | None
    """When the provider takes the model away."""


@prices.command("list")
def list_command(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None, *, as_json: AsJson = False
) -> None:
    """Show every price that counts, where it is from and of what day."""
    with open_context() as context, context.sessions() as session:
        lines = list(_lines(session, _regions(context, session), model))
        problems = [*price_problems(session), *missing_models(session)]
    if as_json:
        for line in lines:
            typer.echo(json.dumps(asdict(line)))
    else:
        titles = ("model", "tier", "a second", "silent", "", "from", "day", "ends")
        columns = [Column(title, justify="right" if title in {"a second", "silent"} else "left", no_wrap=True)
                   for title in titles]  # fmt: skip
        print_table(columns, [_cells(line) for line in lines])
    for problem in problems:
        typer.echo(problem, err=True)
    if model is not None and not lines:
        raise ReelqueueError(f"no price is known for {model}; set one: python -m workers prices set {model} 720P=...")


@prices.command("set")
def set_command(
    model: _Model,
    tiers: Annotated[list[str], typer.Argument(metavar="TIER=AMOUNT...", help="Such as 720P=0.10 1080P=0.20.")],
    *,
    silent: Annotated[
        list[str] | None, typer.Option("--silent", metavar="TIER=AMOUNT", help="Without sound, where that is cheaper.")
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="The region's unless given.")] = None,
    region: _Region = None,
) -> None:
    """Set what a second of a model costs: it counts before the provider's list, from the next submit on."""
    with open_context() as context:
        where = region or region_of(context.settings.provider.video_base_url)
        price = _price(model, where, currency or CURRENCY_BY_REGION.get(where), tiers, silent)
        with context.sessions.begin() as session:
            lock_prices(session)
            is_new = store_price(session, price, origin=_ORIGIN, now=context.clock.now(session))
        context.hints.dispatch()
    shown = ", ".join(f"{tier} {amount:f}" for tier, amount in price.per_second.items())
    typer.echo(f"{model} in {where} costs {shown} {price.currency} a second{'' if is_new else ', as before'}")


@prices.command("clear")
def clear_command(model: _Model, *, region: _Region = None) -> None:
    """Take an operator's price back: the provider's list counts again, or the tables of the release."""
    with open_context() as context:
        where = region or region_of(context.settings.provider.video_base_url)
        with context.sessions.begin() as session:
            lock_prices(session)
            cleared = clear_price(session, model, where, origin=_ORIGIN, now=context.clock.now(session))
        context.hints.dispatch()
    if not cleared:
        raise ReelqueueError(f"no operator has set a price of {model} in {where}; see prices list")
    typer.echo(f"{model} in {where} has no operator's price any more")


@prices.command("import")
def import_command(file: Annotated[Path, typer.Argument(help="YAML: docs/prices.md shows one.")]) -> None:
    """Set the prices of a file, all or none; what it set before and does not name any more is cleared."""
    with open_context() as context:
        done = import_prices(context, file)
    typer.echo(f"{done.set_count} set, {done.cleared_count} cleared")


@prices.command("history")
def history_command(model: _Model, *, as_json: AsJson = False) -> None:
    """Show each change of a model's price or end, the oldest first."""
    with open_context() as context, context.sessions() as session:
        query = select(ModelPrice).where(ModelPrice.model == model).order_by(ModelPrice.from_at, ModelPrice.id)
        before: dict[tuple[object, str], ModelPrice] = {}
        for row in session.scalars(query):
            old = before.get((row.account_id, row.region))
            _echo_change(row, old, as_json=as_json)
            before[row.account_id, row.region] = row


@prices.command("read")
def read_command() -> None:
    """Read the provider's list of every account now, rather than within the hour. Exit code 1 if one cannot be read."""
    with open_context() as context:
        done = read_models(context, is_forced=True)
        with context.sessions() as session:
            problems = [*price_problems(session), *missing_models(session)]
    typer.echo(f"{done.read_count} read, {done.failed_count} failed, {len(done.changed)} models with news")
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if done.failed_count else 0)


def _price(model: str, region: str, currency: str | None, tiers: list[str], silent: list[str] | None) -> OperatorPrice:
    if currency is None:
        raise typer.BadParameter(f"the currency of {region} is not known; give --currency")
    facts = {"model": model, "region": region, "currency": currency, "per_second": _pairs(tiers)}
    try:
        price = OperatorPrice.model_validate(facts | ({"silent_per_second": _pairs(silent)} if silent else {}))
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise typer.BadParameter(why.replace("Value error, ", "")) from error
    price.check_currency()
    return price


def _pairs(texts: list[str]) -> Mapping[str, str]:
    pairs = [text.partition("=") for text in texts]
    if bad := [text for text, (_, equals, _) in zip(texts, pairs, strict=True) if not equals]:
        raise typer.BadParameter(f"{bad[0]!r} is no TIER=AMOUNT such as 720P=0.10")
    return {tier: amount for tier, _, amount in pairs}


def _regions(context: Context, session: Session) -> list[str]:
    own = region_of(context.settings.provider.video_base_url)
    return sorted({own, *session.scalars(select(Account.region).distinct())})


def _lines(session: Session, regions: list[str], only: str | None) -> Iterator[PriceLine]:
    counting = known_prices(session)
    stored = session.scalars(select(ModelPrice.model).distinct())
    for model in sorted({*MODELS, *stored} if only is None else {only}):
        for region in regions:
            listed = counting(model, region)
            ends = [row.ends_at for row in newest_prices(session, model, region) if row.ends_at is not None]
            for tier in sorted(tiers_of(listed), key=lambda one: int(one[:-1])):
                rate = rate_of(listed, tier, region, is_silent=False)
                silent = rate_of(listed, tier, region, is_silent=True)
                if rate is None or silent is None:
                    continue
                yield PriceLine(
                    model=model,
                    region=region,
                    tier=tier,
                    per_second=f"{rate.per_second:f}",
                    silent_per_second=f"{silent.per_second:f}",
                    currency=rate.currency,
                    source=rate.source,
                    day=rate.priced_on.isoformat(),
                    ends_at=utc_moment(min(ends, default=None)),
                )


def _echo_change(row: ModelPrice, before: ModelPrice | None, *, as_json: bool) -> None:
    change = {
        "at": row.from_at.isoformat(),
        "region": row.region,
        "source": row.source.value,
        "origin": row.origin,
        "before": before and (before.per_second or None),
        "after": row.per_second or None,
        "currency": row.currency,
        "ends_at": utc_moment(row.ends_at),
    }
    if as_json:
        typer.echo(json.dumps(change))
        return
    old, new = (_amounts(one) for one in (change["before"], change["after"]))
    ends = f", ends {change['ends_at']}" if row.ends_at else ""
    typer.echo(f"{row.from_at:%Y-%m-%d %H:%M} {row.region} {row.source} ({row.origin}): {old} -> {new}{ends}")


def _amounts(by_tier: object) -> str:
    if not isinstance(by_tier, dict):
        return "none"
    return " ".join(f"{tier} {amount}" for tier, amount in by_tier.items())


def _cells(line: PriceLine) -> tuple[str, ...]:
    silent = "" if line.silent_per_second == line.per_second else line.silent_per_second
    model = f"{line.model} ({line.region})"
    return model, line.tier, line.per_second, silent, line.currency, line.source, line.day, line.ends_at or ""
