"""Manifests: defaults, templates, a matrix and rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reelqueue.campaigns import open_campaign
from reelqueue.campaigns.manifest import yaml_document
from tests.reelqueue.campaigns.conftest import Read

CATALOGUE = """
campaign: {name: Autumn, budget: 120.50 USD, output: "{campaign}/{custom_id}_{variant:02}.mp4"}
defaults: {model: wan2.7-t2v, resolution: 720P, duration: 5}
template:
  prompt: "{{ product.name }} on a table, {{ style }}{% if brand %}, by {{ brand }}{% endif %}"
variables: {brand: Acme}
matrix:
  product: [{id: cup, name: a cup}, {id: lamp, name: a lamp}]
  style: [film noir, watercolour]
  ratio: [16:9, 9:16]
  exclude:
    - {product: lamp, style: film noir}
    - {style: watercolour, ratio: [9:16]}
  include:
    - {product: {name: a sofa, id: sofa}, style: pop art, ratio: "1:1"}
"""


def test_a_matrix_is_every_combination_but_the_excluded_and_those_added(read: Read) -> None:
    reading = read("autumn.yaml", CATALOGUE)

    assert reading.problems == []
    assert [clip.custom_id for clip in reading.clips] == [
        "cup-film-noir-16x9", "cup-film-noir-9x16", "cup-watercolour-16x9", "lamp-watercolour-16x9", "sofa-pop-art-1x1",
    ]  # fmt: skip
    first = reading.clips[0]
    assert first.request.prompt == "a cup on a table, film noir, by Acme"
    assert (first.request.given("ratio"), first.request.duration) == ("16:9", 5)
    assert first.output == "Autumn/cup-film-noir-16x9_01.mp4"


def test_toml_says_the_same(read: Read) -> None:
    toml = """
        [campaign]
        budget = {amount = 12.5, currency = "USD"}
        run_at = 2026-12-01T20:00:00+01:00
        [defaults]
        model = "wan2.6-t2v"
        [template]
        prompt = "{{ thing }} at sea"
        [[rows]]
        custom_id = "a"
        "vars.thing" = "a boat"
        [[rows]]
        custom_id = "b"
        vars = {thing = "a cat"}
        seed = 4
    """

    reading = read("sea.toml", toml)

    assert [(clip.custom_id, clip.request.prompt) for clip in reading.clips] == [
        ("a", "a boat at sea"),
        ("b", "a cat at sea"),
    ]


def test_rows_of_a_file_are_multiplied_by_the_matrix(read: Read, tmp_path_factory: pytest.TempPathFactory) -> None:
    read("products.csv", "custom_id,thing,prompt\ncup,a cup,\nlamp,,a lamp of its own\n")

    reading = read(
        "m.yaml",
        "file: products.csv\ndefaults: {model: wan2.7-t2v}\ntemplate: {prompt: '{{ thing }} in {{ style }}'}\n"
        "matrix: {style: [red, blue], ratio: ['16:9']}\n",
    )

    assert [(clip.custom_id, clip.request.prompt) for clip in reading.clips] == [
        ("cup-red-16x9", "a cup in red"),
        ("cup-blue-16x9", "a cup in blue"),
        ("lamp-red-16x9", "a lamp of its own"),
    ]
    assert reading.codes == ["duplicate_content"]  # the lamp is the same in blue


def test_variants_differ_by_their_seeds_and_the_first_is_the_row_itself(read: Read) -> None:
    rows = '{"custom_id": "a", "model": "wan2.6-t2v", "prompt": "a boat", "variants": 3}\n'

    one, three = read("a.jsonl", rows.replace("3}", "1}")), read("a.jsonl", rows)

    assert [clip.custom_id for clip in three.clips] == ["a", "a.2", "a.3"]
    assert three.clips[0].content_sha256 == one.clips[0].content_sha256
    assert len({clip.request.seed for clip in three.clips}) == 3
    assert [clip.request.seed for clip in three.clips] == [clip.request.seed for clip in read("a.jsonl", rows).clips]


def test_a_matrix_that_explodes_is_refused_before_it_is_made(read: Read) -> None:
    axes = "".join(f"  axis{number}: [{', '.join(map(str, range(100)))}]\n" for number in range(5))

    reading = read("m.yaml", f"defaults: {{model: wan2.6-t2v, prompt: x}}\nmatrix:\n{axes}")

    (problem,) = reading.problems
    assert "100 x 100 x 100 x 100 x 100 are 10000000000 combinations" in problem.message
    assert problem.line == 3


@pytest.mark.parametrize(
    ("manifest", "line", "said"),
    [
        ("campaign: {nmae: x}", 1, "campaign.nmae: there is no such key; did you mean name?"),
        ("matrx: {a: [1]}", 1, "matrx: there is no such key; did you mean matrix?"),
        ("campaign:\n  budget: 5", 2, "campaign.budget: must be an amount and a currency such as 120.50 USD, not 5"),
        ("campaign:\n  breaker: 5", 2, "must name what stops it, such as failures=5, not 5"),
        ("campaign:\n  run_at: 2026-12-01 09:00 +08:00", 2, "such as 2026-12-01T09:00+08:00, not '2026-12-01 09:00"),
        ("campaign:\n  budget: 5 DM", 2, "120.50 USD"),
        ("campaign:\n  budget: 5.00 GBP", 2, "must be a currency that the provider bills in"),
        ("campaign:\n  output: ../{custom_id}.mp4", 2, "must be a path below the output folder"),
        ("campaign:\n  run_at: 2026-12-01", 2, "campaign.run_at"),
        ("campaign: {canary: 0}", 1, "must be greater than or equal to 1"),
        ("defaults:\n  modle: x", 2, "did you mean model?"),
        ("template:\n  duration: '{{ x }}'", 2, "no such option can be set here"),
        ("template:\n  prompt: '{{ x'", 2, "template.prompt"),
        ("template:\n  prompt: '{{ x() }}'", 2, "a call such as name() cannot be used"),
        ("template: {prompt: x}\ndefaults:\n  prompt: y", 1, "defaults give it, too"),
        ("matrix:\n  stile: [a, b]", 2, "matrix.stile: no option has this name, and no template uses it"),
        ("matrix:\n  seed: []", 2, "must be a list of at least one value"),
        ("matrix:\n  seed: [1, 1]", 2, "two values that give the same id"),
        ("matrix:\n  seed: [1]\n  exclude: [{seed: 2}]", 3, "excludes '2', which is no value of seed"),
        ("rows: []\nfile: x.csv", 2, "give either rows or file"),
        ("file: /etc/passwd", None, "there is no file"),
        ("file: ../x.csv", None, "there is no file"),
        ("- a", None, "it must be an object"),
        ("a: [", None, "it is no YAML"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_with_its_line(
    read: Read, manifest: str, line: int | None, said: str
) -> None:
    reading = read("m.yaml", manifest)

    assert reading.clips == []
    assert said in reading.problems[0].message
    assert reading.problems[0].line == line


def test_columns_that_no_template_uses_are_kept_unless_they_resemble_something(read: Read) -> None:
    read("products.csv", "custom_id,thing,sku,negativ_prompt\ncup,a cup,A-1,\n")
    head = "file: products.csv\ndefaults: {model: wan2.6-t2v}\n"

    with_template = read("m.yaml", f"{head}template: {{prompt: 'a {{{{ thing }}}}'}}\n")
    without = read("m.yaml", f"{head}")

    assert [problem.column for problem in with_template.problems] == ["negativ_prompt"]
    assert with_template.clips[0].variables == {"thing": "a cup", "sku": "A-1"}
    assert {"sku", "thing"} < {problem.column for problem in without.problems}


def test_several_mistakes_are_told_at_once(read: Read) -> None:
    reading = read("m.yaml", "campaign: {prority: 1, canary: x}\ndefaults: 5\n")

    assert [problem.column for problem in reading.problems] == ["campaign.canary", "campaign.prority", "defaults"]


def test_a_default_that_is_wrong_for_every_row_is_told_once(read: Read) -> None:
    rows = "".join(f"  - {{custom_id: r{number}, prompt: x}}\n" for number in range(50))

    reading = read("m.yaml", f"defaults:\n  model: wan2.6-t2v\n  duration: 99\nrows:\n{rows}")

    (problem,) = reading.problems
    assert (problem.line, problem.column, problem.seen) == (3, "defaults.duration", "99")
    assert reading.log.bad_row_count == 50
    assert reading.bad == []


def test_a_variable_without_a_value_is_told_in_its_row(read: Read) -> None:
    manifest = "defaults: {model: wan2.6-t2v}\ntemplate: {prompt: 'a {{ thing }}'}\nrows:\n  - {custom_id: a}\n"

    reading = read("m.yaml", manifest)

    (problem,) = reading.problems
    assert (problem.line, problem.column, problem.custom_id) == (4, "template.prompt", "a")
    assert "'thing' is undefined" in problem.message


def test_yaml_keeps_ratios_and_words_as_they_are_written(read: Read) -> None:
    manifest = "defaults: {model: wan2.7-t2v, ratio: 16:9}\nrows: [{custom_id: 007, prompt: no}]"

    (clip,) = read("m.yaml", manifest).clips

    assert (clip.custom_id, clip.request.prompt, clip.request.given("ratio")) == ("007", "no", "16:9")


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@pytest.mark.parametrize(
    "prompt",
    [
        "Close-up: a fox", "[close-up] a fox", '"a" fox', "'it's a fox'", "@fox", "`fox`", "*bold* fox", "!wow a fox",
        "%fox", "{name} runs", "a fox #cinematic",
    ],
)  # fmt: skip
def test_a_text_that_yaml_misreads_is_told_to_stand_in_quotes(
    read: Read, monkeypatch: pytest.MonkeyPatch, prompt: str, loader: object
) -> None:
    monkeypatch.setattr(yaml_document, "_LOADER", loader)

    reading = read("m.yaml", f"defaults: {{model: wan2.6-t2v}}\nrows:\n  - custom_id: a\n    prompt: {prompt}\n")

    assert reading.clips == []
    assert "in quotes" in reading.problems[0].message


def test_a_comment_behind_a_prompt_is_no_part_of_it(read: Read) -> None:
    rows = "rows:\n  - {custom_id: a, prompt: a fox}  # a note\n  - custom_id: b\n    prompt: a hen  # another\n"

    reading = read("m.yaml", f"defaults: {{model: wan2.6-t2v}}  #note\n{rows}")

    assert [clip.request.prompt for clip in reading.clips] == ["a fox", "a hen"]


AXES = """
matrix:
  style: [{id: noir, look: dark}, {id: water, look: soft}]
  ratio: [16:9, 9:16]
  model: [wan2.7-t2v]
"""


@pytest.mark.parametrize(
    ("template", "ids"),
    [
        ("{{ sku }}", ["K-1-noir-16x9", "K-1-noir-9x16", "K-1-water-16x9", "K-1-water-9x16"]),
        ("{{ sku }}_{{ style.id }}", ["K-1_noir-16x9", "K-1_noir-9x16", "K-1_water-16x9", "K-1_water-9x16"]),
        ("{{ ratio }} {{ style.id }}", ["16:9 noir", "9:16 noir", "16:9 water", "9:16 water"]),
    ],
)
def test_axes_that_the_template_of_an_id_leaves_out_are_appended(read: Read, template: str, ids: list[str]) -> None:
    rows = f"template: {{prompt: 'a cup, {{{{ style.look }}}}', custom_id: '{template}'}}\nrows: [{{sku: K-1}}]\n"

    reading = read("m.yaml", AXES + rows)

    assert reading.problems == []
    assert [clip.custom_id for clip in reading.clips] == ids


def test_an_empty_cell_that_a_template_uses_is_named(read: Read) -> None:
    read("products.csv", "custom_id,Name,Ground\na,a cup,marble\nb,a lamp,\n")

    reading = read(
        "m.yaml",
        "file: products.csv\ndefaults: {model: wan2.6-t2v}\ntemplate: {prompt: '{{ Name }} on {{ Ground }}'}\n",
    )

    (problem,) = reading.problems
    assert (problem.file, problem.line, problem.column, problem.letter) == ("products.csv", 3, "Ground", "C")


def test_columns_that_are_kept_for_people_are_told(read: Read, tmp_path: Path) -> None:
    read("products.csv", "custom_id,Name,SKU,Notes,#who,metadata.shelf\na,a cup,K-1,VIP,Ann,3\n")
    read("m.yaml", "file: products.csv\ndefaults: {model: wan2.6-t2v}\ntemplate: {prompt: '{{ Name }}'}\n")

    with open_campaign(tmp_path / "m.yaml") as campaign:
        assert campaign.kept_columns == ["SKU", "Notes", "metadata.shelf"]
