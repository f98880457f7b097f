"""Failed clips as rows of a campaign file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from PIL import Image
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from models import Campaign, JobReference
from models.operations.campaigns.failed_rows import failure_headings, failure_pages
from models.operations.campaigns.retry import Which, find_retries, retry_clips
from models.render_job import RenderJob
from reelqueue.campaigns.rows.headings import OPTIONS, ROW_OPTIONS
from tests.support.stored_clips import ENDED_FAILED, RENDERED, apply, clip, end, make_campaign, standing
from tests.support.stored_jobs import NOW


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


PICTURE = f"data:image/png;base64,{base64.b64encode(_png(400, 400)).decode()}"
i2v = {"model": "wan2.6-i2v"}


def fail(session: Session, campaign: Campaign, *custom_ids: str) -> None:
    """Let clips fail as their workers would."""
    for custom_id in custom_ids:
        end(session, standing(session, campaign)[custom_id], *ENDED_FAILED)


def rows(session: Session, campaign: Campaign, *, with_pictures: bool = False) -> list[Mapping[str, Any]]:
    session.commit()
    pages = failure_pages(sessionmaker(session.get_bind()), campaign.id, with_pictures=with_pictures)
    return [row for page in pages for row in page]


def test_a_row_says_where_it_is_from_and_keeps_its_variables(session: Session) -> None:
    campaign = make_campaign(session)
    cup = clip("cup.2", variables={"style": "noir", "Größe": 3}, line=17)
    cup["clip"]["variant"] = 2
    apply(session, campaign, cup, clip("lamp", variables={"SKU": "L-1"}, line=18), clip("good", variables={"x": "y"}))
    fail(session, campaign, "cup.2", "lamp")

    first, second = rows(session, campaign)

    assert (first["#row"], first["#variant"], first["vars"]) == (17, 2, {"style": "noir", "Größe": 3})
    assert (second["#row"], second["#variant"], second["vars"]) == (18, None, {"SKU": "L-1"})
    assert first["poll_interval_ms"] is None  # as the model's render times have it, like before
    assert failure_headings(sessionmaker(session.get_bind()), campaign.id)[-3:] == (
        "vars.style",
        "vars.Größe",
        "vars.SKU",
    )


def test_every_option_has_a_column(session: Session) -> None:
    headings = failure_headings(sessionmaker(session.get_bind()), make_campaign(session).id)

    assert set(headings) >= OPTIONS - ROW_OPTIONS
    assert ROW_OPTIONS - set(headings) == {"variants"}  # each variant has a row of its own


def test_a_picture_is_named_by_its_path_also_after_a_retry(session: Session) -> None:
    campaign = make_campaign(session)
    still = clip("a", **i2v, image=PICTURE)
    still["clip"]["paths"] = {"image": "bilder/P 005.png"}
    apply(session, campaign, still)
    fail(session, campaign, "a")
    retry_clips(session, campaign, find_retries(session, campaign.id, Which(), limit=10), now=NOW)
    fail(session, campaign, "a")

    (row,) = rows(session, campaign)

    assert row["image"] == "bilder/P 005.png"


def test_a_picture_without_a_path_is_never_in_a_cell(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a", **i2v, image=PICTURE))
    fail(session, campaign, "a")

    (cell,), (line,) = rows(session, campaign), rows(session, campaign, with_pictures=True)

    assert cell["image"] == "PATH OR URL OF THE FILE"
    assert "image: the path of its file is not known" in cell["#problem"]
    assert line["image"] == PICTURE


def test_references_are_in_their_order_by_path_or_url(session: Session) -> None:
    campaign = make_campaign(session)
    urls = ["https://media.example/a.png", "https://media.example/b.png"]
    one, two = (clip(name, model="wan2.7-r2v", reference_urls=[*urls, f"oss://x/{name}.png"]) for name in "ab")
    apply(session, campaign, one, two)
    named = standing(session, campaign)["b"].id
    session.execute(
        update(JobReference).where(JobReference.job_id == named, JobReference.position == 1).values(path="in/b c.png")
    )
    fail(session, campaign, "a", "b")

    first, second = rows(session, campaign)

    assert first["reference_urls"] == [*urls, "oss://x/a.png"]
    assert second["reference_urls"] == [urls[0], "in/b c.png", "oss://x/b.png"]


def test_a_row_stands_below_the_one_that_it_follows(session: Session) -> None:
    campaign = make_campaign(session)
    shots = [
        clip("s1", line=2), clip("s2", after="s1", first_frame="last_frame", line=3),
        clip("s3", after="s2", first_frame="last_frame", line=4),
    ]  # fmt: skip
    apply(session, campaign, *shots)
    end(session, standing(session, campaign)["s1"], *RENDERED)
    session.execute(update(RenderJob).where(RenderJob.custom_id != "s1").values(is_awaiting=False))
    fail(session, campaign, "s2", "s3")
    apply(session, campaign, clip("s2", after="s1", first_frame="last_frame", line=3, prompt="corrected"))
    fail(session, campaign, "s2")  # its job is younger than that of the row below

    found = rows(session, campaign)

    assert [(row["custom_id"], row["after"], row["first_frame"], row["image"]) for row in found] == [
        ("s2", "s1", "last_frame", None), ("s3", "s2", "last_frame", None)
    ]  # fmt: skip


def test_a_latest_start_is_kept_until_it_has_passed(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a", start_by="2999-01-01T00:00:00Z"), clip("b", start_by="2999-01-01T00:00:00Z"))
    fail(session, campaign, "a", "b")
    session.execute(update(RenderJob).where(RenderJob.custom_id == "b").values(start_by=NOW - timedelta(days=9)))

    first, second = rows(session, campaign)

    assert (first["start_by"], second["start_by"]) == ("2999-01-01T00:00:00+00:00", None)


def test_a_row_that_shares_a_failed_clip_is_there_with_its_own_facts(session: Session) -> None:
    campaign = make_campaign(session)
    apply(session, campaign, clip("a", prompt="the same", variables={"n": 1}))
    apply(session, campaign, clip("b", prompt="the same", variables={"n": 2}))
    fail(session, campaign, "a")

    assert [(row["custom_id"], row["vars"]) for row in rows(session, campaign)] == [
        ("a", {"n": 1}), ("b", {"n": 2})
    ]  # fmt: skip
