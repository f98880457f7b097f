"""Names of files that nothing in a row can turn against the folder."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.campaigns.output_paths import COMPONENT_BYTES_MAX, FIELDS, read_pattern

FULL = read_pattern("{campaign}/{model}/{custom_id}_{variant:02}-{seed}.mp4")
HOSTILE = st.text(max_size=300) | st.sampled_from(
    ["..", ".", "", "/etc/passwd", "..\\..", "CON", "nul.mp4", "a\x00b", "\u202egpj.exe", "x" * 5000, "😀" * 200, "-rf"]
)


def name(custom_id: str, campaign: str = "autumn", pattern: str = "{campaign}/{custom_id}.mp4") -> str:
    values = (campaign, custom_id, 1, "wan2.6-t2v", None)
    return read_pattern(pattern).name(dict(zip(FIELDS, values, strict=True)))


@given(HOSTILE, HOSTILE)
def test_whatever_stands_in_a_row_the_file_is_below_the_folder(custom_id: str, campaign: str) -> None:
    values = (campaign, custom_id, 3, "wan2.6-t2v", 7)

    path = FULL.name(dict(zip(FIELDS, values, strict=True)))

    steps = path.split("/")
    assert len(steps) == 3
    assert path.endswith(".mp4")
    for step in steps:
        assert step.strip(" .") not in {"", ".."}
        assert len(step.encode()) <= COMPONENT_BYTES_MAX
        assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in step)
        assert not set('<>:"/\\|?*') & set(step)
        assert not step.startswith(("-", "."))


@pytest.mark.parametrize(
    ("custom_id", "expected"),
    [
        ("cup", "cup"),
        ("Käse", "Käse"),
        ("../../x", "_.._.._x"),
        ("a/b:c", "a_b_c"),
        ("NUL", "_NUL"),
        ("com1.x", "_com1.x"),
        ("end. ", "end"),
        ("\u202ecod.exe", "_cod.exe"),
        ("{seed}", "{seed}"),  # a value is never read as a pattern
    ],
)
def test_names_stay_readable(custom_id: str, expected: str) -> None:
    assert name(custom_id) == f"autumn/{expected}.mp4"


def test_long_names_that_differ_at_their_end_stay_different() -> None:
    one, other = name("x" * 250 + "1"), name("x" * 250 + "2")

    assert one != other
    assert len(one.split("/")[1].encode()) <= COMPONENT_BYTES_MAX


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{custom_id}", "must end with .mp4"),
        ("clip.mp4", "must name {custom_id}"),
        ("/a/{custom_id}.mp4", "below the output folder"),
        ("../{custom_id}.mp4", "below the output folder"),
        ("a//{custom_id}.mp4", "below the output folder"),
        ("{custom_id.__class__}.mp4", "may name"),
        ("{custom_id[0]}.mp4", "may name"),
        ("{custom_id!r}.mp4", "may name"),
        ("{0}{custom_id}.mp4", "may name"),
        ("{secret}{custom_id}.mp4", "may name"),
        ("{custom_id:>9999999}.mp4", "takes a width"),
        ("{variant:999}{custom_id}.mp4", "takes a width"),
        ("{variant:{seed}}{custom_id}.mp4", "takes a width"),
        ("a\\{custom_id}.mp4", "may hold letters"),
        ("{custom_id.mp4", "expected '}'"),
        ("x" * 400 + "{custom_id}.mp4", "at most 400 characters"),
    ],
)
def test_a_pattern_that_could_do_more_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("{", r"\{").replace("}", r"\}").replace(".", r"\.")):
        read_pattern(pattern)
