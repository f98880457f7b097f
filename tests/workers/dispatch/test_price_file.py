"""An operator's prices: strict, whole or not at all, and before the provider's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from models.operations.money.prices import known_prices
from reelqueue.catalog.price_list import SINGAPORE, PriceSource, rate_of
from reelqueue.errors import ConfigurationError
from tests.support.commands import Run
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from workers.dispatch.price_file import import_prices, read_prices

GOOD = f"prices:\n  - {{model: {MODEL}, region: {SINGAPORE}, currency: USD, per_second: {{720p: 0.3, 1080P: '0.4'}}}}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text)
    return path


def counting(rows: Rows) -> tuple[Decimal, PriceSource] | None:
    with rows.sessions.begin() as session:
        found = rate_of(known_prices(session)(MODEL, SINGAPORE), "720P", SINGAPORE, is_silent=False)
        return None if found is None else (found.per_second, found.source)


def test_what_a_file_says_counts_until_it_says_it_no_more(jobs: Jobs, rows: Rows, tmp_path: Path) -> None:
    assert import_prices(jobs.context, written(tmp_path, GOOD)).set_count == 1
    assert import_prices(jobs.context, written(tmp_path, GOOD)).set_count == 0
    assert counting(rows) == (Decimal("0.3"), PriceSource.OPERATOR)

    assert import_prices(jobs.context, written(tmp_path, "prices: []")).cleared_count == 1

    assert counting(rows) == (Decimal("0.10"), PriceSource.RELEASE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("currency", "unit: minute, currency"), f"prices.0.unit ({MODEL})"),
        (GOOD.replace("USD", "CNY"), "bills in USD, not in CNY"),
        (GOOD.replace("0.3", "0"), "must be above 0"),
        (GOOD.replace("0.3", "-1"), "must be above 0"),
        (GOOD.replace("0.3", ".nan"), "prices.0.per_second.720P"),
        (GOOD.replace("0.3", "true"), "must be an amount"),
        (GOOD.replace("0.3", "'1,000'"), "prices.0.per_second.720P"),
        (GOOD.replace("0.3", "null"), "prices.0.per_second.720P"),
        (GOOD.replace("720p", "4K"), "prices.0.per_second.4K"),
        (GOOD.replace("{720p: 0.3, 1080P: '0.4'}", "{}"), "prices.0.per_second"),
        (GOOD + GOOD.partition("\n")[2], "twice"),
        ("prices: {", "cannot be read"),
        ("", "the file"),
        ("price: []", "prices"),
    ],
)
def test_a_bad_file_names_the_place_and_changes_nothing(
    jobs: Jobs, rows: Rows, tmp_path: Path, text: str, said: str
) -> None:
    import_prices(jobs.context, written(tmp_path, GOOD))

    with pytest.raises(ConfigurationError, match="prices") as refused:
        import_prices(jobs.context, written(tmp_path, text))

    assert said in str(refused.value)
    assert counting(rows) == (Decimal("0.3"), PriceSource.OPERATOR)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"prices\.yaml cannot be read"):
        read_prices(tmp_path / "prices.yaml")


def test_a_price_that_is_set_is_listed_with_its_source_and_its_changes_are_kept(run: Run) -> None:
    assert run("prices", "set", "acme-video", "720P=0.40").exit_code == 0
    assert run("prices", "set", "acme-video", "720P=0.50").exit_code == 0

    listed = run("prices", "list", "acme-video", "--json").out
    assert '"per_second": "0.5"' in listed
    assert '"source": "operator"' in listed
    assert "720P 0.4 -> 720P 0.5" in run("prices", "history", "acme-video").out
    assert run("prices", "clear", "acme-video").exit_code == 0
    ended = run("prices", "list", "acme-video")
    assert (ended.exit_code, "no price is known for acme-video" in ended.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["720P=0"], "above 0"),
        (["720P"], "no TIER=AMOUNT"),
        (["4K=1"], "per_second.4K"),
        (["720P=1", "--currency", "CNY"], "bills in USD"),
    ],
)
def test_a_bad_price_is_refused(run: Run, words: list[str], said: str) -> None:
    ended = run("prices", "set", "acme-video", *words)

    assert ended.exit_code != 0
    assert said in ended.err.replace("\n", " ")
