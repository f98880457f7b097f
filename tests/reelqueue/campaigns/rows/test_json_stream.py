"""JSON files as programs write them: lines, pretty objects, arrays."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns import CampaignFileError
from reelqueue.campaigns.rows import json_stream
from reelqueue.campaigns.rows.json_stream import json_values
from reelqueue.campaigns.rows.text_lines import Lines
from reelqueue.errors import InvalidRequestError
from tests.reelqueue.campaigns.conftest import Read

LEAVES = st.integers(-9, 9) | st.booleans() | st.none() | st.text(st.sampled_from('a"\\{}[],:\n é'), max_size=6)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
ROWS = st.lists(st.dictionaries(st.text('ab{"]', max_size=3), VALUES, min_size=1, max_size=3), max_size=5)


def values(text: str) -> list[Any]:
    return list(json_values("f.json", Lines("f.json", StringIO(text, newline=""))))


FORMS = st.fixed_dictionaries({"indent": st.sampled_from([None, 1, 2]), "ensure_ascii": st.booleans()})


@given(ROWS, FORMS, st.sampled_from(["lines", "array"]), st.sampled_from(["\n", "\r\n"]))
def test_rows_are_read_however_they_are_laid_out(
    rows: list[dict[str, Any]], form: dict[str, Any], layout: str, end: str
) -> None:
    text = json.dumps(rows, **form) if layout == "array" else "\n".join(json.dumps(row, **form) for row in rows)

    found = values(text.replace("\n", end))

    assert [value for _, value in found] == rows


def test_each_row_has_the_line_on_which_it_begins() -> None:
    assert values('\n[\n  {\n    "a": 1\n  },\n\n  {"a": 2}, {"a": 3}\n]\n{"a": 4}\n') == [
        (3, {"a": 1}), (7, {"a": 2}), (7, {"a": 3}), (9, {"a": 4}),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ['{"a": "x\n{"a": 1}\n{"a": 2}\n', '[\n{"a": [1,\n{"a": 1},\n{"a": 2}\n]\n'])
def test_a_cut_row_does_not_take_the_next_ones_with_it(text: str) -> None:
    broken, *others = values(text)

    assert isinstance(broken[1], InvalidRequestError)
    assert [value for _, value in others] == [{"a": 1}, {"a": 2}]


def test_a_mistake_within_a_row_is_told_with_its_own_line() -> None:
    ((line, refusal),) = values('[\n  {\n    "a": 1,\n    "b": True\n  }\n]')

    assert (line, refusal.message) == (2, "the row must be JSON: Expecting value (line 4, column 10)")


def test_a_row_that_never_ends_is_refused_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LINE_CHARACTERS_MAX", 100)

    with pytest.raises(CampaignFileError, match=r"f\.json:1: the value that begins here has more than 100 characters"):
        values("{\n" + '"a": [\n' * 1000)


def test_a_json_file_is_a_campaign_file(read: Read) -> None:
    row = {"model": "wan2.6-t2v", "prompt": "a fox"}

    reading = read(
        "foxes.json", json.dumps([row | {"custom_id": "a"}, row | {"custom_id": "b", "seed": 1}, 7], indent=2)
    )

    assert [(clip.custom_id, clip.line) for clip in reading.clips] == [("a", 2), ("b", 7)]
    assert [(problem.line, problem.message) for problem in reading.problems] == [
        (13, "the row must be an object with the names of options, not '7'")
    ]
