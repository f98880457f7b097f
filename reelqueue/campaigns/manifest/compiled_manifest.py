"""What a manifest says, ready to make clips of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from reelqueue.campaigns.limits import MANIFEST_PROBLEMS_MAX
from reelqueue.campaigns.manifest.manifest import Lines, Manifest, checked_names, line_at, path_of
from reelqueue.campaigns.manifest.matrix import Matrix, read_matrix
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.problem import CampaignFileError, Problem, remedy_for
from reelqueue.campaigns.rows.headings import OPTIONS, Headings, option_name
from reelqueue.errors import InvalidRequestError

if TYPE_CHECKING:
    from reelqueue.campaigns.manifest.templates import Template

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class CompiledManifest:
    """What the clips of a file have in common; an empty one for a file that is only rows."""

    file: str
    """The manifest's name, as problems tell it."""
    options: CampaignOptions
    defaults: Mapping[str, object] = field(default_factory=dict)
    """By the options' snake_case names."""
    templates: Mapping[str, Template] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    matrix: Matrix = field(default_factory=Matrix)
    lines: Lines = field(default_factory=dict)

    @property
    def headings(self) -> Headings:
        """What headings and keys of rows mean."""
        used = [template.names for template in self.templates.values()]
        return Headings(frozenset().union(*used) - OPTIONS)

    @cached_property
    def axes_outside_ids(self) -> frozenset[str]:
        """Axes that tell clips of one row apart, and that the template of their ids does not use."""
        template = self.templates.get("custom_id")
        return self.matrix.varying - (template.names if template else frozenset()) - {"custom_id"}

    def line_of(self, column: str) -> int | None:
        """The line of a part such as ``template.prompt``."""
        return line_at(self.lines, path_of(column))


def compile_manifest(file: str, manifest: Manifest, lines: Lines) -> CompiledManifest:
    """A manifest with its templates, variables and matrix ready to use.

    Raises:
        CampaignFileError: Names, templates or the matrix are wrong; with every problem found.
    """
    refusals = list(islice(checked_names(manifest), MANIFEST_PROBLEMS_MAX))
    no_templates: dict[str, Template] = {}
    templates = _tried(refusals, lambda: _templates(manifest), no_templates)
    matrix = _tried(refusals, lambda: read_matrix(manifest.matrix), Matrix())
    compiled = CompiledManifest(
        file=file,
        options=manifest.campaign,
        defaults=_defaults(manifest),
        templates=templates,
        variables=manifest.variables,
        matrix=matrix,
        lines=lines,
    )
    if not refusals:
        refusals += islice(_unused(compiled), MANIFEST_PROBLEMS_MAX)
    if refusals:
        raise CampaignFileError(*(_problem(file, lines, refusal) for refusal in refusals))
    return compiled


def option_defaults(options: CampaignOptions) -> dict[str, object]:
    """What a campaign's own options say about each of its clips."""
    defaults: dict[str, object] = {}
    if options.start_by is not None:
        defaults["start_by"] = options.start_by
    if options.variants > 1:
        defaults["variants"] = options.variants
    return defaults


def _templates(manifest: Manifest) -> dict[str, Template]:
    if not manifest.template:
        return {}
    from reelqueue.campaigns.manifest.templates import compile_templates

    return compile_templates({option_name(name): source for name, source in manifest.template.items()})


def _defaults(manifest: Manifest) -> dict[str, object]:
    return option_defaults(manifest.campaign) | {option_name(name): value for name, value in manifest.defaults.items()}


def _unused(compiled: CompiledManifest) -> Iterator[InvalidRequestError]:
    """Axes that change nothing: a misspelt one would render each clip several times."""
    headings = compiled.headings
    for name in sorted(compiled.matrix.names - OPTIONS - headings.variables):
        near = headings.nearest(name)
        hint = f"; did you mean {near}?" if near else ""
        why = f"matrix.{name}: no option has this name, and no template uses it{hint}"
        yield InvalidRequestError("unknown_column", why, f"matrix.{name}")


def _tried(refusals: list[InvalidRequestError], make: Callable[[], T], otherwise: T) -> T:
    try:
        return make()
    except InvalidRequestError as error:
        refusals.append(error)
        return otherwise


def _problem(file: str, lines: Lines, refusal: InvalidRequestError) -> Problem:
    column = refusal.field or "the manifest"
    if refusal.code == "bad_template":
        column = f"template.{column}"
    return Problem(
        file=file,
        line=line_at(lines, path_of(column)),
        column=column[:64],
        code=refusal.code,
        message=refusal.message,
        remedy=remedy_for(refusal.code),
    )
