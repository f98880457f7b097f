"""What makes a clip one of its campaign: its id, its content, its file, and the clip that it follows."""

from __future__ import annotations

import json

import pytest

from tests.reelqueue.campaigns.conftest import Read

BOAT = {"model": "wan2.6-t2v", "prompt": "a boat"}
SHOT = {"model": "wan2.6-i2v", "prompt": "on we go", "after": "one", "first_frame": "last_frame"}


def lines(*rows: dict[str, object]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_an_id_that_stands_twice_names_both_lines(read: Read) -> None:
    rows = lines(BOAT | {"custom_id": "a"}, BOAT | {"custom_id": "b", "seed": 1}, BOAT | {"custom_id": "a", "seed": 2})

    reading = read("boats.jsonl", rows)

    (problem,) = reading.problems
    assert (problem.line, problem.code) == (3, "duplicate_id")
    assert problem.message == "the id 'a' is taken by the row of line 1"


def test_a_row_without_an_id_keeps_the_one_derived_from_its_values(read: Read) -> None:
    first = read("boats.jsonl", lines(BOAT, BOAT | {"seed": 1}))
    moved = read("boats.jsonl", lines(BOAT | {"seed": 1}, BOAT | {"seed": 2}, BOAT))

    ids = [clip.custom_id for clip in first.clips]
    assert {*ids} < {clip.custom_id for clip in moved.clips}
    assert all(custom_id.startswith("row-") for custom_id in ids)


def test_a_row_that_sends_the_same_is_left_out_with_a_warning(read: Read) -> None:
    reading = read("boats.jsonl", lines(BOAT | {"custom_id": "a"}, BOAT | {"custom_id": "b", "resolution": "1080P"}))
    again = read("boats.jsonl", lines(BOAT | {"custom_id": "a"}, BOAT | {"custom_id": "b", "priority": 3}))

    assert (len(reading.clips), reading.problems) == (2, [])
    assert [clip.custom_id for clip in again.clips] == ["a"]
    assert [(problem.severity, problem.code) for problem in again.problems] == [("warning", "duplicate_content")]
    assert again.log.bad_row_count == 0


def test_two_clips_never_write_one_file(read: Read) -> None:
    reading = read("boats.jsonl", lines(BOAT | {"custom_id": "a/b"}, BOAT | {"custom_id": "A:B", "seed": 1}))

    assert reading.codes == ["duplicate_output"]


def test_no_clip_follows_one_that_is_not_rendered(read: Read) -> None:
    rows = (BOAT | {"custom_id": "A"}, BOAT | {"custom_id": "a", "seed": 1}, SHOT | {"custom_id": "b", "after": "a"})

    reading = read("shots.jsonl", lines(*rows))

    assert [clip.custom_id for clip in reading.clips] == ["A"]
    assert reading.codes == ["duplicate_output", "bad_chain"]


def test_a_row_with_problems_without_end_tells_a_thousand(read: Read) -> None:
    manifest = {"defaults": {"model": "wan2.6-t2v", "prompt": "x"}, "matrix": {"duration": list(range(100, 1200))}}

    reading = read("m.yaml", json.dumps(manifest))

    assert len(reading.problems) == 1000
    assert reading.log.unlisted_count == 100


def test_a_shot_goes_on_where_the_one_above_ends(read: Read) -> None:
    reading = read("shots.jsonl", lines(BOAT | {"custom_id": "one"}, SHOT | {"custom_id": "two"}))

    assert reading.problems == []
    assert [(clip.after, clip.is_continued) for clip in reading.clips] == [(None, False), ("one", True)]


def test_a_shot_is_another_one_when_the_shot_before_it_changes(read: Read) -> None:
    two = SHOT | {"custom_id": "two"}

    before = read("shots.jsonl", lines(BOAT | {"custom_id": "one"}, two)).clips[1]
    after = read("shots.jsonl", lines(BOAT | {"custom_id": "one", "seed": 9}, two)).clips[1]

    assert before.content_sha256 != after.content_sha256


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (SHOT | {"after": "three"}, "no row above has the id 'three'"),
        (SHOT | {"after": "bad"}, "has a problem of its own"),
        (SHOT | {"first_frame": "https://a.example/a.png"}, "a picture goes into image"),
        (SHOT | {"image": "https://a.example/a.png"}, "image gives the first frame, too"),
        ({name: value for name, value in SHOT.items() if name != "after"}, "needs the id of a row above"),
        (SHOT | {"model": "wan2.6-t2v"}, "image: wan2.6-t2v (text-to-video) does not take it"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(read: Read, row: dict[str, object], said: str) -> None:
    above = (BOAT | {"custom_id": "one"}, BOAT | {"custom_id": "bad", "duration": 99})

    reading = read("shots.jsonl", lines(*above, row | {"custom_id": "two"}))

    assert any(said in problem.message and problem.line == 3 for problem in reading.problems)
    assert [clip.custom_id for clip in reading.clips] == ["one"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "must be JSON"),
        ("[1]", "the row must be an object"),
        ('{"model": "wan2.6-t2v", "prompt": "x", "seed": NaN}', "NaN is no JSON"),
        ('{"model": "wan2.6-t2v", "prompt": "x", "promt": "y"}', "did you mean prompt?"),
        ('{"model": "wan2.6-t2v", "prompt": "x", "negativePrompt": "a", "negative_prompt": "b"}', "it is given twice"),
        ('{"model": "wan2.6-t2v", "prompt": "x", "metadata": ' + "[" * 5000 + "]" * 5000 + "}", "JSON"),
        ('{"prompt": "x"}', "model: give the id of a model"),
        ('{"model": "wan2.6-t2v", "prompt": "x", "variants": 101}', "from 1 to 100, not '101'"),
    ],
)
def test_a_bad_line_does_not_keep_others_from_being_read(read: Read, line: str, said: str) -> None:
    reading = read("boats.jsonl", f"{line}\n\n{json.dumps(BOAT)}\n")

    assert said in reading.problems[0].message
    assert reading.problems[0].line == 1
    assert [clip.line for clip in reading.clips] == [3]


def test_a_whole_number_is_the_same_with_a_fraction_of_zero(read: Read) -> None:
    whole = lines(BOAT | {"duration": 5, "seed": 42, "variants": 2})

    (one, two), (again, _) = read("boats.jsonl", whole).clips, read("boats.jsonl", whole.replace("5,", "5.0,")).clips
    fraction = read("boats.jsonl", lines(BOAT | {"duration": 5.5}, BOAT | {"seed": 10**19}))
    defaults = read("m.yaml", "defaults: {model: wan2.6-t2v, duration: 5.0, seed: 42.0, variants: 2.0, prompt: a boat}")

    assert (again.custom_id, again.content_sha256) == (one.custom_id, one.content_sha256)
    assert defaults.clips[0].content_sha256 == one.content_sha256
    assert two.request.seed == 43
    assert [problem.message for problem in fraction.problems] == [
        "duration: must be a valid integer, not 5.5",
        "seed: must be a smaller whole number: models take 0 to 2147483647",
    ]


def test_a_text_means_in_json_what_it_means_in_a_cell(read: Read) -> None:
    texts = {"duration": "5", "seed": "42.0", "watermark": "yes", "metadata": '{"a": 1}', "priority": ""}
    typed = {"duration": 5, "seed": 42, "watermark": True, "metadata": {"a": 1}}

    (expected,) = read("boats.jsonl", lines(BOAT | typed)).clips
    rows = read("boats.jsonl", lines(BOAT | texts, BOAT | {"duration": "five"}))
    manifest = read("m.yaml", f"defaults: {json.dumps(BOAT | texts)}\nrows: [{{custom_id: {expected.custom_id}}}]\n")
    wrong = read("m.yaml", f"defaults: {json.dumps(BOAT | {'watermark': 'perhaps'})}\nrows: [{{custom_id: a}}]\n")

    assert rows.clips[0].request == manifest.clips[0].request == expected.request
    assert [problem.message for problem in rows.problems] == ["duration: must be a whole number, not 'five'"]
    assert [(one.column, one.message) for one in wrong.problems] == [
        ("defaults.watermark", "watermark: must be true or false, not 'perhaps'")
    ]


def test_a_file_of_an_unknown_kind_is_refused(read: Read) -> None:
    reading = read("boats.docx", "{}")

    assert "its ending says nothing" in reading.problems[0].message


def test_variables_are_kept_short_for_people_to_filter_by(read: Read) -> None:
    manifest = (
        "defaults: {model: wan2.6-t2v}\ntemplate: {prompt: '{{ a }}{{ b.look }}{{ c }}{{ d|join }}'}\n"
        f"rows:\n  - {{custom_id: x, a: {'a' * 300}, b: {{name: Noir, look: dark}}, c: 1.5, d: [x, y]}}\n"
    )

    (clip,) = read("m.yaml", manifest).clips

    assert {name: clip.variables[name] for name in "abc"} == {"a": "a" * 200, "b": "Noir", "c": 1.5}
    assert isinstance(clip.variables["d"], str)


def test_a_campaign_has_at_most_a_million_clips(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelqueue.campaigns.expansion.clip_builder.CLIPS_MAX", 3)

    reading = read("boats.jsonl", lines(*(BOAT | {"seed": seed} for seed in range(5))))

    assert len(reading.clips) == 3
    assert reading.problems[0].line == 4
    assert reading.log.file_error_count == 1


def test_a_variable_may_have_any_name_that_a_template_can_use(read: Read) -> None:
    reading = read("a.csv", "custom_id,model,prompt,vars.Größe\na,wan2.6-t2v,a cup,XL\n")

    assert reading.problems == []
    assert reading.clips[0].variables == {"Größe": "XL"}


@pytest.mark.parametrize(
    ("row", "place"),
    [("17", (17, 3)), ("17.0", (17, 3)), ("", (None, 3)), ("x", (None, 3)), ("0", (None, 3))],
)
def test_a_copied_row_has_the_place_of_the_one_that_it_was_copied_from(
    read: Read, row: str, place: tuple[int | None, int]
) -> None:
    head = "#problem,#row,#variant,custom_id,model,prompt"

    (clip,) = read("a.csv", f"{head}\ntoo long,{row},3,a.3,wan2.6-t2v,a cup\n").clips
    (other,) = read("b.csv", f"#row,#variant,{head[23:]}\n17,3,a.3,wan2.6-t2v,a cup\n").clips

    assert (clip.row_line, clip.variant) == place
    assert (other.row_line, other.variant) == (2, 1)  # notes of people in a file that is no copy
