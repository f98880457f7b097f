"""Pictures beside a campaign file."""

from __future__ import annotations

import base64
import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from reelqueue.campaigns import CampaignOptions, ProblemLog, open_campaign
from reelqueue.campaigns.clip_json import clip_object, read_clip

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


def check(folder: Path, image: str, *, local_files: bool = True) -> tuple[list[str], list[str]]:
    path = folder / "cats.csv"
    path.write_text(f"model,prompt,image\nwan2.6-i2v,a cat,{image}\n")
    log = ProblemLog()
    with open_campaign(path, local_files=local_files) as campaign:
        images = [str(clip.request.given("image")) for clip in campaign.clips(log)]
    return images, [group.first.message for group in log.groups]


def test_a_picture_below_the_file_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cat.png").write_bytes(PIXEL)

    _, problems = check(tmp_path, "in/cat.png")

    assert problems == [
        "image: wan2.6-i2v cannot read the first_frame: it is a PNG with an alpha channel; save it without transparency"
    ]


@pytest.mark.parametrize("image", ["../cat.png", "/etc/hostname", "file:///etc/hostname", "link.png"])
def test_files_elsewhere_are_never_read(tmp_path: Path, image: str) -> None:
    (tmp_path / "cat.png").write_bytes(PIXEL)
    folder = tmp_path / "campaign"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "cat.png")

    _, problems = check(folder, image)

    assert ["is not below the folder of the campaign file" in problem for problem in problems] == [True]


def test_a_reader_of_others_files_reads_no_picture_at_all(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PIXEL)

    images, problems = check(tmp_path, "cat.png", local_files=False)

    assert images == []
    assert "must be an http, https or oss URL" in problems[0]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_a_file_is_found_in_either_unicode_form_and_with_either_slash(tmp_path: Path, form: str, slash: str) -> None:
    folder = tmp_path / unicodedata.normalize("NFD", "Käse")
    folder.mkdir()
    (folder / unicodedata.normalize("NFC", "Brücke.png")).write_bytes(PIXEL)

    _, problems = check(tmp_path, unicodedata.normalize(form, f"Käse{slash}Brücke.png"))

    assert ["a PNG with an alpha channel" in problem for problem in problems] == [True]


def test_a_backslash_leads_no_further_than_a_slash(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PIXEL)
    folder = tmp_path / "campaign"
    folder.mkdir()

    _, problems = check(folder, "..\\cat.png")

    assert ["cannot read" in problem for problem in problems] == [True]


def test_a_clip_keeps_the_path_as_its_row_has_it(tmp_path: Path) -> None:
    for name in ("P 005.jpg", "b.jpg"):
        Image.new("RGB", (400, 400)).save(tmp_path / name)
    rows = [
        {"model": "wan2.6-i2v", "prompt": "a cat", "image": "P 005.jpg"},
        {"model": "wan2.7-r2v", "prompt": "cats", "reference_urls": ["https://media.example/a.png", "./b.jpg"]},
        {"model": "wan2.7-i2v", "prompt": "it wakes", "media": [{"type": "first_frame", "url": "b.jpg"}]},
        {"model": "wan2.6-i2v", "prompt": "a dog", "image": "https://media.example/dog.png"},
    ]
    path = tmp_path / "cats.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    log = ProblemLog()

    with open_campaign(path, local_files=True) as campaign:
        clips = list(campaign.clips(log))

    assert log.groups == []
    assert [clip.paths for clip in clips] == [
        {"image": "P 005.jpg"}, {"reference_urls.1": "./b.jpg"}, {"media.0": "b.jpg"}, {}
    ]  # fmt: skip
    sent = [read_clip(json.loads(json.dumps(clip_object(clip))), CampaignOptions(), {}.get) for clip in clips]
    assert [clip.paths for clip in sent] == [clip.paths for clip in clips]
