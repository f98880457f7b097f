"""Campaigns over the client and at the command line, against a server."""

from __future__ import annotations

import csv
import json
import shlex
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from api.settings import ApiSettings
from models import Campaign, ModelPrice, RenderJob
from models.session import make_engine
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.catalog.price_list import PriceSource
from reelqueue.cli._app import app
from reelqueue.states import RenderState
from tests.reelqueue.client.conftest import World
from tests.support.campaigns import clips
from tests.support.workbooks import saved, workbook

ROWS = "custom_id,model,prompt,duration\na,wan2.6-t2v,a paper boat,5\nb,wan2.6-t2v,a paper crane,5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A campaign file."""
    path = tmp_path / "autumn.csv"
    path.write_text(ROWS)
    return path


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaign", command, *map(str, arguments)])


def end_clips(settings: ApiSettings, **states: RenderState) -> None:
    """Let the current clips of these ids have ended."""
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    with Session(engine) as session, session.begin():
        for custom_id, state in states.items():
            current = (RenderJob.custom_id == custom_id, RenderJob.superseded_at.is_(None))
            session.execute(update(RenderJob).where(*current).values(state=state))
    engine.dispose()


def set_price(settings: ApiSettings, per_second: str) -> None:
    """An operator's price of what the file renders, from now on."""
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    with Session(engine) as session, session.begin():
        session.add(ModelPrice(
            source=PriceSource.OPERATOR, region="ap-southeast-1", model="wan2.6-t2v", currency="USD",
            per_second={"1080P": per_second}, origin="test", from_at=datetime.now(UTC),
        ))  # fmt: skip
    engine.dispose()


def test_a_client_hands_in_clips_and_compares(world: World, server: str) -> None:
    client = world.connect(server)
    world.run(client.campaigns.put(CampaignOptions(name="spring"), file_name="spring.csv"))
    lines = [json.dumps(clip).encode() for clip in clips(2)]

    stored = world.run(client.campaigns.submit_clips("spring", lines))
    known = world.run(client.campaigns.known("spring"))

    assert (stored.new, set(known.content_by_id)) == (2, {"0", "1"})
    assert world.run(client.campaigns.get("spring")).file_name == "spring.csv"


def test_a_file_is_planned_applied_and_there(server: str, file: Path) -> None:
    assert "2 new, 0 changed, 0 present" in run("plan", file).stdout

    applied = run("apply", file, "--yes")

    assert "watch it: reelqueue campaign watch autumn\n" in applied.stderr
    assert "stored: 2 new, 0 changed, 0 there already" in applied.stdout
    assert "0 new, 0 changed, 2 present" in run("plan", file).stdout


def test_only_what_was_corrected_is_bought(server: str, file: Path) -> None:
    run("apply", file, "--yes")
    file.write_text(ROWS.replace("crane", "swan"))

    assert "stored: 0 new, 1 changed, 1 there already" in run("apply", file, "--yes").stdout


def test_a_bad_row_keeps_the_others_from_being_stored(server: str, file: Path) -> None:
    file.write_text(f"{ROWS}c,wan2.6-t2v,,5\n")

    refused, skipped = run("apply", file, "--yes"), run("apply", file, "--yes", "--skip-bad-rows")

    assert (refused.exit_code, skipped.exit_code) == (1, 0)
    assert "nothing was stored" in refused.stderr
    assert "stored: 2 new" in skipped.stdout


def test_nobody_pays_unasked(server: str, file: Path) -> None:
    result = run("apply", file)

    assert result.exit_code == 1
    assert "say --yes" in result.stderr
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize("says", ["y", "n"])
def test_a_person_agrees_to_the_price_of_the_server(
    server: str, settings: ApiSettings, file: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    set_price(settings, "0.30")
    monkeypatch.setattr("reelqueue.cli._campaign.apply.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: 1)))

    result = CliRunner().invoke(app, ["campaign", "apply", str(file)], input=says)

    today = datetime.now(UTC).date()
    assert f"Render 2 clips for at most 3.00 USD, by operator {today}. Apply it?" in result.stderr
    assert len(json.loads(run("list", "--json").stdout)) == (says == "y")


def test_a_price_that_rises_while_a_person_thinks_is_not_paid(
    server: str, settings: ApiSettings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def think(_question: str, **_: object) -> bool:
        set_price(settings, "0.30")
        return True

    monkeypatch.setattr("reelqueue.cli._campaign.apply.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: 1)))
    monkeypatch.setattr("reelqueue.cli._campaign.apply.typer.confirm", think)

    result = run("apply", file)

    assert result.exit_code != 0
    assert "this would now render 2 clips for up to 3.00 USD, more than you confirmed" in result.stderr
    assert json.loads(run("list", "--json").stdout) == []


def test_a_campaign_is_watched_stopped_and_listed(server: str, file: Path) -> None:
    run("apply", file, "--yes")

    assert run("pause", "autumn").stdout.startswith("paused: paused by its owner")
    assert run("resume", "autumn").stdout == "running\n"
    assert run("cancel", "autumn").stdout == "cancelled\n"
    (watched,) = run("watch", "autumn", "--json").stdout.splitlines()
    assert json.loads(watched)["counts"] == {"cancelled": 2}
    assert "autumn" in run("list").stdout
    failed = run("watch", "autumn", "--fail")
    assert (failed.exit_code, failed.stderr) == (1, "ended without a video: 2 cancelled\n")


def test_results_and_failures_come_home(server: str, file: Path, tmp_path: Path) -> None:
    run("apply", file, "--yes")

    results = [json.loads(line) for line in run("results", "autumn", "--format", "jsonl").stdout.splitlines()]
    run("failures", "autumn", "--output", tmp_path / "failures.csv")

    assert [(one["custom_id"], one["state"], one["file"]) for one in results] == [
        ("a", "queued", "autumn/a.mp4"),
        ("b", "queued", "autumn/b.mp4"),
    ]
    assert (tmp_path / "failures.csv").read_text(encoding="utf-8-sig").startswith("#problem,")


def test_results_come_in_the_form_that_a_spreadsheet_opens(server: str, file: Path, tmp_path: Path) -> None:
    rows = ROWS.replace("duration\n", "duration,vars.size\n").replace(",5\n", ",5,Übergröße\n")
    file.with_suffix(".xlsx").write_bytes(saved(workbook(*csv.reader(rows.splitlines()))))
    assert "stored: 2 new" in run("apply", file.with_suffix(".xlsx"), "--yes").stdout

    run("results", "autumn", "-o", tmp_path / "results.xlsx")
    refused = run("results", "autumn", "--format", "xlsx")
    semicolons = run("results", "autumn", "--format", "csv-semicolon").stdout

    sheet = openpyxl.load_workbook(tmp_path / "results.xlsx").worksheets[0]
    assert [row[0].value for row in sheet.iter_rows()] == ["custom_id", "a", "b"]
    assert (refused.exit_code, "-o results.xlsx" in refused.stderr) == (1, True)
    assert semicolons.splitlines()[0].startswith("\ufeffcustom_id;")
    assert "Übergröße" in semicolons


def test_tables_are_written_like_the_sheet_that_was_applied(
    server: str, settings: ApiSettings, file: Path, tmp_path: Path
) -> None:
    rows = ROWS.replace("duration\n", "duration,vars.Zeile,vars.art\n").replace(",5\n", ",5,groß,x\n")
    file.write_text(rows.replace(",", ";"), encoding="utf-8-sig")
    run("apply", file, "--yes")
    end_clips(settings, b=RenderState.MODERATED)

    run("results", "autumn", "-o", tmp_path / "results.csv")
    run("failures", "autumn", "-o", tmp_path / "autumn.bad.csv")
    plain = run("results", "autumn", "--format", "csv").stdout

    results, failures = ((tmp_path / name).read_bytes() for name in ("results.csv", "autumn.bad.csv"))
    assert results.startswith(b"\xef\xbb\xbfcustom_id;")
    first = next(csv.DictReader(results.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert first["variables"] == '{"Zeile": "groß", "art": "x"}'
    heading = next(csv.reader(failures.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert heading[-2:] == ["vars.Zeile", "vars.art"]
    assert plain.startswith("\ufeffcustom_id,")
    assert "0 new, 0 changed" in run("plan", tmp_path / "autumn.bad.csv").stdout


def test_a_sheet_without_a_byte_order_mark_gets_tables_without_one(server: str, file: Path) -> None:
    run("apply", file, "--yes")

    assert run("results", "autumn").stdout.startswith("custom_id,")


@pytest.mark.parametrize(("output", "option"), [("autumn.bad.csv", ""), ("to do.csv", " --name autumn")])
def test_failures_say_how_they_are_applied(
    server: str, settings: ApiSettings, file: Path, output: str, option: str
) -> None:
    run("apply", file, "--yes")
    none = run("failures", "autumn", "--output", file.with_name(output))
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    with Session(engine) as session, session.begin():
        session.execute(update(RenderJob).values(state=RenderState.MODERATED))
    engine.dispose()

    some = run("failures", "autumn", "--output", file.with_name(output))

    path = shlex.quote(str(file.with_name(output)))
    assert none.stderr == "no clip has failed: there is no row to correct\n"
    assert some.stderr == f"correct the rows; then, beside autumn.csv: reelqueue campaign apply {path}{option}\n"
    assert "0 new, 0 changed, 2 present" in run("plan", file.with_name(output), *option.split()).stdout


def test_rows_alone_do_not_take_a_budget_away(server: str, file: Path) -> None:
    manifest = file.with_suffix(".yaml")
    manifest.write_text("campaign: {budget: 40 USD}\nfile: autumn.csv\n")
    run("apply", manifest, "--yes")
    file.write_text(ROWS.replace("crane", "swan"))

    run("apply", file, "--yes")

    (campaign,) = json.loads(run("list", "--json").stdout)
    assert campaign["options"]["budget"] == {"amount": "40", "currency": "USD"}


def test_a_plain_sheet_takes_options_on_the_command_line(server: str, file: Path) -> None:
    told = ["--budget", "4 USD", "--max-in-flight", "2", "--priority", "3", "--breaker", "failures=5", "--name", "2026"]
    times = ["--run-at", "2999-01-01T00:00+08:00", "--start-by", "2999-01-02T00:00+08:00"]

    assert "budget: 4 USD" in run("plan", file, *told, *times).stdout
    run("apply", file, "--yes", *told, *times)
    run("apply", file, "--yes", "--name", "2026", "--priority", "4", "--breaker", "none")

    (campaign,) = json.loads(run("list", "--json").stdout)
    options = campaign["options"]
    assert (campaign["name"], options["budget"], options["max_in_flight"]) == (
        "2026", {"amount": "4", "currency": "USD"}, 2,
    )  # fmt: skip
    assert (options["priority"], "breaker" in options, options["run_at"]) == (4, False, "2998-12-31T16:00:00+00:00")


def test_the_command_line_wins_over_the_manifest(server: str, file: Path) -> None:
    manifest = file.with_suffix(".yaml")
    manifest.write_text("campaign: {budget: 40 USD, priority: 7}\nfile: autumn.csv\n")

    run("apply", manifest, "--yes", "--budget", "none", "--start-by", "2999-01-01T00:00Z")

    (campaign,) = json.loads(run("list", "--json").stdout)
    assert ("budget" in campaign["options"], campaign["options"]["priority"]) == (False, 7)
    (job, _) = json.loads(CliRunner().invoke(app, ["jobs", "--json"]).stdout)
    assert job["options"]["start_by"] == "2999-01-01T00:00:00Z"


def test_an_option_of_the_command_line_that_is_wrong_is_one_line(server: str, file: Path) -> None:
    result = run("apply", file, "--yes", "--run-at", "tomorrow")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "run_at: must be a date and time with its timezone" in result.stderr


def test_options_are_set_one_by_one(server: str, file: Path) -> None:
    run("apply", file, "--yes")

    said = run("set", "autumn", "priority=5", "budget=60 USD", 'breaker={"failures": 3}').stdout
    run("set", "autumn", "budget=none")

    assert said == "priority: 5, budget: 60 USD, breaker: after=20,failures=3\n"
    (campaign,) = json.loads(run("list", "--json").stdout)
    assert (campaign["options"]["priority"], "budget" in campaign["options"]) == (5, False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("pace=5", "one of breaker, budget"),
        ("name=winter", "one of breaker"),
        ("priority=often", "priority: must be a valid integer"),
        ("budget=5", "budget: must be an amount and a currency such as 120.50 USD, not 5"),
    ],
)
def test_what_cannot_be_set_is_one_line(server: str, file: Path, change: str, why: str) -> None:
    run("apply", file, "--yes")

    result = run("set", "autumn", change)

    assert (result.exit_code, why in result.stderr) == (1, True)


@pytest.mark.parametrize("name", ["spring #1, 50 %?&=+", "d\u00e9j\u00e0 vu; \u6625", "a\\b", "...", " x"])
def test_a_name_may_have_characters_that_addresses_quote(server: str, file: Path, name: str) -> None:
    manifest = file.with_suffix(".yaml")
    manifest.write_text(f"campaign: {{name: {json.dumps(name)}}}\nfile: autumn.csv\n")

    applied = run("apply", manifest, "--yes")

    assert "stored: 2 new" in applied.stdout
    assert [campaign["name"] for campaign in json.loads(run("list", "--json").stdout)] == [name]
    assert run("pause", name).exit_code == 0


@pytest.mark.parametrize("name", ["a/b", ".."])
def test_a_name_that_no_address_can_hold_is_an_error_of_the_file(server: str, file: Path, name: str) -> None:
    manifest = file.with_suffix(".yaml")
    manifest.write_text(f"campaign: {{name: {json.dumps(name)}}}\nfile: autumn.csv\n")

    applied = run("apply", manifest, "--yes")

    assert (applied.exit_code, "name: must not hold a slash" in applied.stdout) == (1, True)


def test_agreeing_to_a_price_lets_no_failed_clip_displace_a_repaired_one(
    server: str, settings: ApiSettings, file: Path
) -> None:
    repaired = file.with_name("autumn.bad.csv")
    repaired.write_text(ROWS.replace("crane", "swan"))
    run("apply", file, "--yes")
    end_clips(settings, b=RenderState.MODERATED)
    run("apply", repaired, "--yes")
    end_clips(settings, a=RenderState.SUCCEEDED, b=RenderState.SUCCEEDED)

    refused = run("apply", file, "--yes")
    kept = json.loads(run("list", "--json").stdout)[0]["counts"]
    undone = run("apply", file, "--yes", "--undo-repairs")

    assert (refused.exit_code, kept) == (1, {"succeeded": 2})
    assert "campaign retry" not in refused.stdout  # what would be retried is not there before it is applied
    assert "nothing was stored: --yes alone does not let a clip that failed take the place" in refused.stderr
    assert "b: the clip of line 3 of autumn.csv (moderated) would displace the current one (succ" in refused.stderr
    assert "add --undo-repairs" in refused.stderr
    assert "1 restored" in undone.stdout


def test_a_budget_that_is_used_up_says_how_much_is_missing(server: str, settings: ApiSettings, file: Path) -> None:
    run("apply", file, "--yes", "--budget", "1 USD")
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    with Session(engine) as session, session.begin():  # as dispatch leaves it after a clip for 0.75 USD
        session.execute(update(Campaign).values(budget_exhausted_at=func.now(), spent_amount=Decimal("0.75")))
    engine.dispose()

    watched = run("watch", "autumn", "--once").stdout
    listed, shown = run("list"), json.loads(run("list", "--json").stdout)[0]["shortfall"]
    resumed = run("resume", "autumn")

    assert "0.25 USD, the rest of its budget, cannot pay for the next clip; raise the budget to go on" in watched
    assert "0.50 USD: 2 clips waiting, 1.50 at most; reelqueue campaign set autumn 'budget=1.50 USD'" in watched
    told = "autumn lacks 0.50 USD: 2 clips waiting, 1.50 at most\n  reelqueue campaign set autumn 'budget=1.50 USD'\n"
    assert (listed.stderr, resumed.stderr) == (told, told)
    assert (shown["missing"], shown["budget"], shown["clip_count"]) == ("0.50", "1.50", 2)
