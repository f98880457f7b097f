"""Files of any bytes end in clips or in problems with a place, never in another error."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue import parse_request
from reelqueue.campaigns.manifest.yaml_document import read_yaml
from reelqueue.campaigns.plan.check_file import Checked, check_file
from reelqueue.campaigns.rows.cell_values import reader_of
from reelqueue.campaigns.rows.headings import ROW_OPTIONS
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.option_table import EVERY_OPTION

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30).filter(
    lambda text: text.strip() and not text.startswith(("#", "'"))
)

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("äé日😀"), max_size=20)
ANY_CELL = st.text(st.characters(exclude_characters="\x00"), max_size=8)


def check(name: str, content: bytes) -> Checked:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return check_file(path, region="ap-southeast-1")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml", "a.toml"])
@given(content=st.binary(max_size=200) | st.text(st.sampled_from("ab,;\"'\n\r\t:{}[]-&*!|>=.#0")).map(str.encode))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    checked = check(name, content)

    assert all(group.first.message and group.first.remedy for group in checked.log.groups)
    assert checked.plan.clip_count <= checked.log.row_count


@given(
    st.lists(st.lists(ANY_CELL, min_size=3, max_size=3), max_size=5),
    st.sampled_from(",;\t|"),
)
def test_any_cells_are_read_or_refused(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([["model", "prompt", "duration"], *rows])

    checked = check("a.csv", text.getvalue().encode(errors="replace"))

    assert checked.log.file_error_count == 0


@given(st.lists(CELL, min_size=1, max_size=4, unique=True), st.sampled_from(",;\t|"), st.booleans())
def test_prompts_come_back_as_they_were_written(prompts: list[str], delimiter: str, as_utf16: bool) -> None:  # noqa: FBT001
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([["model", "prompt"], *(["wan2.6-t2v", prompt] for prompt in prompts)])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(text.getvalue().encode("utf-16" if as_utf16 else "utf-8"))
        found = _prompts(path)

    assert found == prompts


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**15), 10**15) | PRINTABLE, st.lists))
def test_json_is_yaml(value: object) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=False))[0] == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "the key 'a' occurs twice"),
        ("a: !!python/object/apply:os.system [x]", "the tag"),
        ("a: &a [*a]", "stands for nothing, or for what it stands in"),
        ("a: &b {c: 1}\nd: {<<: *b}", "<< cannot be used"),
        ("? [1]\n: 2", "a key must be text"),
        ("- a\n--- \n- b", "several documents"),
        ("[" * 100_000, "nested more than 32 deep"),
        ("a: &a [x]\n" + "".join(f"b{number}: &a [*a]\n" for number in range(50)), "nested more than 32 deep"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "more than 1000000 values",
        ),
    ],
)
def test_yaml_that_means_harm_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"line|documents") as refused:
        read_yaml(text)

    assert said in refused.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16:9", "16:9"),  # not 969
        ("no", "no"),  # not false
        ("007", "007"),
        ("1_000", "1_000"),
        ("2026-12-01", "2026-12-01"),
        ("0x1F", 31),
        ("1.50", 1.5),
        (".inf", ".inf"),
        ("'5'", "5"),
        ("~", None),
        ("TRUE", True),
    ],
)
def test_yaml_values_are_what_they_look_like(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}")[0] == {"a": value}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", ",".join(f"column{number}" for number in range(100_000)), "there are 100000 columns"),
        ("a.jsonl", json.dumps({f"key{number}": 1 for number in range(100_000)}), "the row has 100000 keys"),
        ("a.yaml", json.dumps({"campaign": {f"k{number}": 1 for number in range(10_000)}}), "there is no such key"),
        ("a.yaml", json.dumps({"defaults": {f"k{number}": 1 for number in range(10_000)}}), "no such option"),
        (
            "a.yaml",
            json.dumps({"matrix": {"include": [{f"k{n}": 1 for n in range(10_000)}]}}),
            "no option has this name",
        ),
        ("a.yaml", json.dumps({"matrix": {"seed": [1], "exclude": [{"seed": 1}] * 201}}), "200 are the most"),
    ],
)
def test_names_without_end_are_told_in_bounded_time(name: str, content: str, said: str) -> None:
    checked = check(name, content.encode())

    assert said in checked.log.groups[0].first.message
    assert checked.log.error_count <= 100


@pytest.mark.parametrize("option", sorted(EVERY_OPTION - {"mode", "model"}))
def test_every_option_can_stand_in_a_cell(option: str) -> None:
    cells = {
        "audio": "true", "duration": "5", "headers": '{"X-DashScope-DataInspection": "a"}',
        "metadata": '{"scene": 1}', "priority": "3",
        "media": '[{"type": "first_frame", "url": "https://a.example/a.png"}]', "raw": '{"style": 1}', "seed": "7",
        "poll_interval_ms": "9000", "poll_timeout_ms": "90000", "prompt_extend": "true", "watermark": "false",
        "reference_urls": "https://a.example/a.png", "start_by": "2030-01-01T00:00:00Z", "ratio": "16:9",
        "resolution": "720P", "shot_type": "multi", "on_timeout": "cancel",
    }  # fmt: skip
    text = cells.get(option, "https://a.example/a.png")
    read = reader_of(option)
    modes = {"reference_urls": "reference-to-video", "image": "image-to-video", "last_frame": "image-to-video"}
    mode = modes.get(option, "image-to-video" if option == "media" else "text-to-video")

    request = parse_request({"model": "wan2.7-any", "mode": mode, option: read(text, option) if read else text})

    assert request.given(option) is not None


def test_options_of_a_row_are_not_options_of_a_request() -> None:
    assert not ROW_OPTIONS & EVERY_OPTION


def _prompts(path: Path) -> list[str | None]:
    from reelqueue.campaigns import ProblemLog, open_campaign

    with open_campaign(path) as campaign:
        return [clip.request.prompt for clip in campaign.clips(ProblemLog())]
