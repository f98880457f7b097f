"""JSON that two readers could take otherwise is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.strict_json import DEPTH_MAX, StrictJsonError, TooDeepError, TooManyElementsError, read_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_strict_is_read_as_by_the_standard_library(value: object) -> None:
    text = json.dumps(value)

    assert read_json(text) == read_json(text.encode()) == value


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "a": 1}}]', "NaN", "[-Infinity]", "1e999"])
def test_what_is_not_strict_is_refused(text: str) -> None:
    with pytest.raises(StrictJsonError):
        read_json(text)


@pytest.mark.parametrize("text", ["", "{", "{} {}", b"\xff", "{}".encode("utf-16"), "9" * 5000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


@pytest.mark.parametrize("depth", [DEPTH_MAX, DEPTH_MAX + 1, 100_000])
def test_nesting_is_bounded(depth: int) -> None:
    text = "[" * depth + "]" * depth

    if depth == DEPTH_MAX:
        assert read_json(text)
        return
    with pytest.raises(TooDeepError):
        read_json(text)


def test_elements_are_counted_in_bytes_and_in_text() -> None:
    for text in ("[1,2,3]", b'{"a":[1,2]}'):
        assert read_json(text, elements_max=3)
        with pytest.raises(TooManyElementsError):
            read_json(text, elements_max=2)


def test_a_reader_may_take_an_unusual_number_for_none() -> None:
    assert read_json("[NaN, 1e999, 1.5]", unusual_number=lambda _: None) == [None, None, 1.5]
