"""Each option of the table reaches every consumer of requests: none keeps a list of its own that could miss one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from api.gallery.tile_queries import load_some
from api.spending.cost_preview import waiting
from api.views.jobs import job_view
from models.campaign import Campaign
from models.operations.admission import canaries
from models.operations.campaigns.failed_rows import failure_pages
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.operations.jobs.enqueue import enqueue_render_job
from models.operations.jobs.request_rows import stored_request
from models.render_job import RenderJob
from reelqueue.campaigns.plan.cost_plan import _cached
from reelqueue.campaigns.rows.cell_values import reader_of
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.cli._options import read_options, with_request_options
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.option_table import REQUEST_OPTIONS, Form, RequestOption, Role
from reelqueue.requests.parse import parse_request
from reelqueue.requests.types import REQUEST_TYPES
from reelqueue.states import FailureClass, RenderState
from tests.support.stored_clips import apply, make_campaign, standing
from tests.support.stored_jobs import NOW, read_job
from tests.system.options.samples import CHEAPER, SAMPLES
from workers.archive import sidecar

OPTIONS = {option.name: option for option in REQUEST_OPTIONS}
each = pytest.mark.parametrize("option", REQUEST_OPTIONS, ids=OPTIONS)


def request_with(option: RequestOption) -> RenderRequest:
    return parse_request(SAMPLES[option.name])


def value_in(request: RenderRequest, option: RequestOption) -> Any:  # noqa: ANN401 - values have many types
    """The option's value as JSON."""
    return request.mode if option.name == "mode" else request.options().get(option.name)


def failed_clip(session: Session, option: RequestOption) -> tuple[Campaign, RenderJob]:
    """A clip with the option that failed at the provider."""
    campaign = make_campaign(session)
    apply(session, campaign, {"custom_id": "cup", **SAMPLES[option.name], "clip": {}})
    session.execute(update(RenderJob).values(state=RenderState.FAILED, failure_class=FailureClass.INPUT))
    (job,) = standing(session, campaign).values()
    return campaign, job


def stored(session: Session, option: RequestOption) -> RenderJob:
    return read_job(session, enqueue_render_job(session, request_with(option), now=NOW).job_id)


def test_the_table_names_what_the_types_have() -> None:
    fields = {name for kind in REQUEST_TYPES.values() for name in kind.model_fields}

    assert set(OPTIONS) == fields | {"mode"} == set(SAMPLES)


@pytest.mark.parametrize("option", [one for one in REQUEST_OPTIONS if one.form is Form.CHOICE and one.name != "mode"])
def test_the_table_names_the_choices_that_the_types_take(option: RequestOption) -> None:
    annotations = [
        kind.model_fields[option.name].annotation for kind in REQUEST_TYPES.values() if option.name in kind.model_fields
    ]
    parts = [part for annotation in annotations for part in (annotation, *get_args(annotation))]
    taken = {choice for part in parts if get_origin(part) is Literal for choice in get_args(part)}

    assert set(option.choices) == taken


@each
def test_a_stored_job_keeps_it(session: Session, option: RequestOption) -> None:
    job = stored(session, option)

    assert value_in(stored_request(session, job), option) == value_in(request_with(option), option)


@each
def test_a_retry_keeps_it(session: Session, option: RequestOption) -> None:
    campaign, job = failed_clip(session, option)
    before = stored_request(session, job)

    retry_clips(session, campaign, find_retries(session, campaign.id, Which(), limit=1), now=NOW)

    (heir,) = standing(session, campaign).values()
    assert heir.id != job.id
    assert value_in(stored_request(session, heir), option) == value_in(before, option) is not None


@each
def test_an_export_of_failures_has_it(session: Session, option: RequestOption) -> None:
    campaign, job = failed_clip(session, option)
    expected = value_in(stored_request(session, job), option)
    session.commit()

    (page,) = failure_pages(sessionmaker(session.get_bind()), campaign.id, with_pictures=True)

    assert parse_request(_options_of(page[0])).options().get(option.name, page[0]["mode"]) == expected


@each
def test_the_api_shows_it_unless_it_is_secret(session: Session, option: RequestOption) -> None:
    job = stored(session, option)

    view = job_view(session, job, region=SINGAPORE)

    found = view.options | view.model_dump(mode="json")
    assert found.get(option.name) == (None if option.is_secret else value_in(request_with(option), option))


@each
def test_the_gallery_shows_what_the_model_is_asked_for(session: Session, option: RequestOption) -> None:
    job = stored(session, option)

    (tile,) = load_some(session, [job.id], str)

    shown = {**tile.asked, **{name: getattr(tile, name, None) for name in ("model", "mode", "prompt", "seed")}}
    shown["negative_prompt"] = tile.negative_prompt
    if option.role in {Role.MODEL, Role.TEXT, Role.PARAMETER}:
        assert shown[option.name] == value_in(request_with(option), option)
    elif option.role is Role.MEDIUM:
        assert tile.references
    else:
        assert option.name not in shown


@each
def test_a_sidecar_has_it_unless_it_is_secret(session: Session, option: RequestOption) -> None:
    job = stored(session, option)

    written = sidecar._options(job)

    if option.role is Role.JOB or option.name in sidecar.Sidecar.model_fields or option.is_secret:
        assert option.name not in written
    elif option.role is Role.MEDIUM and not option.has_column:
        assert sidecar._references(session, job)
    else:
        assert written[option.name] == value_in(request_with(option), option)


@each
def test_raw_cannot_say_it(option: RequestOption) -> None:
    for name in (option.name, *option.other_names):
        with pytest.raises(InvalidRequestError) as refused:
            parse_request(SAMPLES[option.name] | {"raw": {name: 1}})

        assert (refused.value.code, refused.value.field) == ("option_in_raw", "raw")


@each
def test_a_cell_says_it(option: RequestOption) -> None:
    request = request_with(option)
    value = value_in(request, option)
    text = json.dumps(value) if not isinstance(value, str) else value
    reader = reader_of(option.name)

    read = text if reader is None else reader(text, option.name)

    assert value_in(parse_request(SAMPLES[option.name] | {option.name: read}), option) == value


@pytest.mark.parametrize("option", [one for one in REQUEST_OPTIONS if one.name not in {"model", "prompt"}])
def test_the_command_line_says_it(option: RequestOption) -> None:
    value = value_in(request_with(option), option)

    read = _read_words(_words(option, value))

    assert value_in(parse_request(SAMPLES[option.name] | {option.name: read[option.name]}), option) == value


@pytest.mark.parametrize("name", CHEAPER)
def test_what_changes_the_price_is_priced_apart(session: Session, name: str) -> None:
    requests = [parse_request(one) for one in (CHEAPER[name], SAMPLES[name])]
    prices = [estimate(request, SINGAPORE) for request in requests]
    cached = _cached(SINGAPORE)
    campaign = make_campaign(session)
    for number, request in enumerate((CHEAPER[name], SAMPLES[name])):
        apply(session, campaign, {"custom_id": f"cup-{number}", **request, "clip": {}})

    offer = waiting(session, campaign.id, region=SINGAPORE)

    assert prices[0] != prices[1]
    assert [cached(request) for request in requests] == prices
    assert offer.max_amount == sum(price.max_amount for price in prices if price is not None)
    assert offer.unpriced_count == prices.count(None)


@pytest.mark.parametrize("option", [one for one in REQUEST_OPTIONS if not one.is_priced and one.name != "prompt"])
def test_what_is_not_priced_changes_no_price(option: RequestOption) -> None:
    without = {name: value for name, value in SAMPLES[option.name].items() if name != option.name}

    assert estimate(parse_request(without), SINGAPORE) == estimate(request_with(option), SINGAPORE)


def test_a_canary_tells_clips_apart_by_all_but_what_differs_in_each() -> None:
    told = {one.name for one in REQUEST_OPTIONS if one.role in {Role.MODEL, Role.TEXT, Role.PARAMETER}}

    assert told - set(canaries._AXES) == {"prompt", "seed"}


def _options_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in OPTIONS and value is not None}


def _words(option: RequestOption, value: Any) -> Sequence[str]:  # noqa: ANN401 - values have many types
    flag = option.flag or f"--{option.name.replace('_', '-')}"
    match option.form:
        case Form.SWITCH:
            return [flag if value else f"--no-{flag.removeprefix('--')}"]
        case Form.URLS:
            return [word for url in value for word in (flag, url)]
        case Form.MEDIA:
            return [word for item in value for word in (flag, f"{item['type']}={item['url']}")]
        case Form.HEADERS:
            return [word for name, text in value.items() for word in (flag, f"{name}: {text}")]
        case Form.OBJECT:
            return [flag, json.dumps(value)]
        case _:
            return [flag, str(value)]


def _read_words(words: Sequence[str]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    app = typer.Typer()

    def command(**options: object) -> None:
        read.update(read_options(options))

    register: Callable[..., Any] = app.command()
    register(with_request_options(command))
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return read
