"""One cell with several URLs, however they are divided."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns.rows.cell_values import read_urls
from reelqueue.campaigns.rows.url_cells import check_single, join_urls, split_urls
from reelqueue.errors import InvalidRequestError
from tests.reelqueue.campaigns.conftest import Read

# Any character that a URL may hold, also those that divide two of them.
TAILS = st.text("abz019-._~:/?#[]@!$&'()*+,;=%|", min_size=1, max_size=12).filter(
    lambda tail: tail[-1] not in ",;|" and not any(f"{divider}data:" in tail for divider in ",;|")
)
URLS = st.builds(
    "{}://{}.example/a{}".format, st.sampled_from(["https", "http", "oss", "HTTPS"]), TAILS.map(len), TAILS
)
DIVIDERS = st.sampled_from([",", ";", "|", " ", "\n", "\r\n", ", ", "; ", " | ", " ,", ",\n", "\n\n", "\t", ",,"])


@given(st.lists(st.tuples(URLS, DIVIDERS), min_size=1, max_size=6))
def test_urls_are_divided_where_they_were_joined(pairs: list[tuple[str, str]]) -> None:
    urls = [url for url, _ in pairs]
    text = "".join(url + divider for url, divider in pairs[:-1]) + urls[-1]

    assert split_urls(text, "reference_urls") == urls


@given(URLS)
def test_a_single_url_keeps_its_commas(url: str) -> None:
    assert check_single(f" {url}\n", "image") == url
    assert split_urls(f"{url},", "reference_urls") == [url]


def test_data_uris_and_files_are_divided_as_urls() -> None:
    assert split_urls("data:image/png;base64,AAAA,data:image/png;base64,BBBB", "media") == [
        "data:image/png;base64,AAAA",
        "data:image/png;base64,BBBB",
    ]
    assert split_urls("a.png, b.png; c.png", "media") == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("text", ["a.png,b.png", "a.png b.png", "my cat.png\nb.png"])
def test_paths_that_could_be_one_or_several_are_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="on a line of its own"):
        split_urls(text, "reference_urls")


def test_a_list_may_be_a_cell_a_json_list_or_a_text_in_json(read: Read) -> None:
    rows = [
        {"custom_id": "a", "reference_urls": "https://e.example/a.mp4,https://e.example/b.mp4"},
        {"custom_id": "b", "reference_urls": ["https://e.example/a.mp4", "https://e.example/b.mp4"]},
    ]
    head = {"model": "wan2.6-r2v", "duration": 5}
    cells = (
        '"https://e.example/a.mp4,https://e.example/b.mp4"',
        "https://e.example/a.mp4 | https://e.example/b.mp4",
        '"[""https://e.example/a.mp4"", ""https://e.example/b.mp4""]"',
    )
    sheet = "".join(f"character1 dances {index},wan2.6-r2v,{cell}\n" for index, cell in enumerate(cells))

    objects = read("r.jsonl", "".join(f"{json.dumps(head | row | {'prompt': row['custom_id']})}\n" for row in rows))
    table = read("r.csv", f"prompt,model,reference_urls\n{sheet}")

    manifest = read(
        "m.yaml",
        "defaults: {model: wan2.6-r2v, reference_urls: 'https://e.example/a.mp4, https://e.example/b.mp4'}\n"
        "rows: [{custom_id: a, prompt: character1 dances}]\n",
    )

    assert (objects.problems, table.problems, manifest.problems) == ([], [], [])
    clips = (*objects.clips, *table.clips, *manifest.clips)
    assert {clip.request.given("reference_urls") for clip in clips} == {
        ("https://e.example/a.mp4", "https://e.example/b.mp4")
    }


def test_two_urls_where_one_belongs_are_refused(read: Read) -> None:
    reading = read("r.csv", "prompt,model,image\nx,wan2.6-i2v,https://e.example/a.png; https://e.example/b.png\n")

    assert "image: takes one URL" in reading.problems[0].message


def test_a_space_in_a_url_is_named(read: Read) -> None:
    reading = read("r.csv", "prompt,model,image\nx,wan2.6-i2v,https://b.example/a 1.png?Expires=1\n")

    assert reading.problems[0].message == (
        "image: must not contain a space, which stands after 'https://b.example/a'; "
        "write %20 for a space that belongs to the URL"
    )


@given(st.lists(URLS, max_size=4))
def test_urls_that_were_joined_are_read_as_they_were(urls: list[str]) -> None:
    for several in (urls, [*urls, "bilder/P 005.jpg"]):
        assert read_urls(join_urls(several), "reference_urls") == several
