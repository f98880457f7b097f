"""Build checked clips from the manifest, the rows and the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reelqueue.builder import content_sha256
from reelqueue.campaigns.clips import Clip, continued_image, output_of
from reelqueue.campaigns.expansion.drafts import Draft, draft_clips
from reelqueue.campaigns.expansion.error_location import ErrorLocator
from reelqueue.campaigns.expansion.local_images import paths_of
from reelqueue.campaigns.expansion.request_errors import read_request
from reelqueue.campaigns.expansion.uniqueness import NO_LINE, ClaimedNames
from reelqueue.campaigns.limits import CLIPS_MAX
from reelqueue.campaigns.manifest.compiled_manifest import CompiledManifest
from reelqueue.campaigns.manifest.matrix import NO_COMBINATION
from reelqueue.campaigns.output_paths import OutputPattern
from reelqueue.campaigns.problem import CampaignFileError, Problem, Severity
from reelqueue.campaigns.problem_log import ProblemLog
from reelqueue.campaigns.rows.row import Record, RecordSource
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest

_PROBLEMS_MAX: Final = 1_000
"""Of one row, of which a matrix may make a million clips."""


StoredContent = Callable[[str], str | None]
"""Tells the content of a clip by its id; None if there is none."""


@dataclass(slots=True)
class Assembler:
    """Makes the clips of one file, in its order."""

    compiled: CompiledManifest
    source: RecordSource
    pattern: OutputPattern
    folder: Path | None = None
    """Where pictures named by a path are; None refuses them."""
    refused: Mapping[str, InvalidRequestError] = field(default_factory=dict)
    """What a server says of clips that are good here, by their ids."""
    stored: StoredContent | None = None
    """Tells the content of a clip that the campaign has on its server; None: no server was asked."""
    duplicate_count: int = 0
    """Clips left out because an earlier one sends the same."""
    _clip_count: int = 0
    _claimed: ClaimedNames = field(default_factory=ClaimedNames)

    def clips(self, log: ProblemLog) -> Iterator[Clip]:
        """Every good clip; what is wrong with the others goes to the log."""
        for record in self.source:
            row = _Row(ErrorLocator(self.compiled, self.source, record))
            if row.is_readable(record):
                yield from self._row_clips(record, row)
            log.add_row(self.source, record, list(row.problems.values()), unlisted_count=row.unlisted_count)

    def _row_clips(self, record: Record, row: _Row) -> Iterator[Clip]:
        for combination in self.compiled.matrix.combinations():
            row.combination = combination
            for draft in draft_clips(self.compiled, record, combination):
                self._count(record.line)
                clip = self._clip(draft, record.line, row)
                if clip is not None:
                    yield clip

    def _clip(self, draft: Draft, line: int | None, row: _Row) -> Clip | None:
        if draft.is_continued:
            draft.options["image"] = continued_image(self._content_of(draft.after or "") or "")
        request = read_request(draft.options, self.folder)
        refusals = [*draft.refusals, *self._chain_refusals(draft, line)]
        server_error = self.refused.get(draft.custom_id)
        if server_error is not None and server_error.field not in {refusal.field for refusal in refusals}:
            refusals.append(server_error)
        if isinstance(request, list):
            # What is missing only because it could not be read has been told already.
            told = row.bad_options.union(refusal.field for refusal in refusals)
            refusals += [refusal for refusal in request if refusal.field not in told]
        elif not refusals and not row.bad_options:
            return self._checked(draft, request, line, row)
        for refusal in refusals:
            row.refuse(refusal, draft.custom_id)
        if draft.has_own_id:
            self._claim_id(draft, line, None, row)
        return None

    def _checked(self, draft: Draft, request: RenderRequest, line: int | None, row: _Row) -> Clip | None:
        digest = content_sha256(request)
        output = output_of(self.pattern, self.compiled.options.name, draft.custom_id, draft.variant, request)
        earlier = self._claimed.line_of_content(digest)
        follower = self._claimed.line_of_follower(draft.custom_id, digest)
        if not self._claim_id(draft, line, None if earlier is not None else digest, row):
            return None
        if follower is not None:
            self._claimed.spoil(draft.custom_id)
            row.refuse(_above(follower), draft.custom_id)
            return None
        if earlier is not None:
            self.duplicate_count += 1
            row.warn(_duplicate(earlier), draft.custom_id)
            return None
        if (taken := self._claimed.claim_output(output, line)) is not None:
            self._claimed.spoil(draft.custom_id)
            row.refuse(_taken("duplicate_output", f"its file would be {output!r}", taken), draft.custom_id)
            return None
        self._claimed.add_content(digest, line)
        return Clip(
            custom_id=draft.custom_id,
            request=request,
            content_sha256=digest,
            output=output,
            variant=draft.variant,
            after=draft.after,
            is_continued=draft.is_continued,
            variables=draft.variables,
            warnings=request.warnings,
            file=self.source.file,
            line=line,
            row_line=draft.line,
            paths={} if self.folder is None else paths_of(draft.options),
        )

    def _claim_id(self, draft: Draft, line: int | None, digest: str | None, row: _Row) -> bool:
        earlier = self._claimed.claim_id(draft.custom_id, line, digest)
        if earlier is not None:
            row.refuse(
                _taken("duplicate_id", f"the id {draft.custom_id[:80]!r}", earlier, "custom_id"), draft.custom_id
            )
        return earlier is None

    def _content_of(self, custom_id: str) -> str | None:
        """The content of a clip above, else of one that is on the server."""
        content = self._claimed.content_of(custom_id)
        return content if content is not None or self.stored is None else self.stored(custom_id)

    def _chain_refusals(self, draft: Draft, line: int | None) -> list[InvalidRequestError]:
        if draft.after is None:
            return []
        content = self._content_of(draft.after)
        if content is None:
            elsewhere = (
                "; plan and apply look for it on the server, too" if self.stored is None else ", nor a stored clip"
            )
            why = (
                f"after: no row above has the id {draft.after[:80]!r}{elsewhere}; "
                "a clip must be below the one that it follows"
            )
        elif not content:
            why = (
                f"after: the clip {draft.after[:80]!r} has a problem of its own or is a duplicate, and is not rendered"
            )
        else:
            self._claimed.note_follower(draft.after, line, content)
            return []
        return [InvalidRequestError("bad_chain", why, "after")]

    def _count(self, line: int | None) -> None:
        self._clip_count += 1
        if self._clip_count > CLIPS_MAX:
            raise CampaignFileError(
                Problem(
                    file=self.source.file,
                    line=line,
                    code="too_many",
                    message=f"there are more than {CLIPS_MAX} clips; the rest of the file is not read",
                    remedy="Split it into several campaigns.",
                )
            )


class _Row:
    """What is wrong with one row; what is wrong in the same way with each of its clips is told once."""

    def __init__(self, locator: ErrorLocator) -> None:
        self.combination = NO_COMBINATION
        self.problems: dict[tuple[str | None, str, str], Problem] = {}
        self.unlisted_count = 0
        self.bad_options: frozenset[str | None] = frozenset()
        """Whose values could not be read."""
        self._locator = locator

    def is_readable(self, record: Record) -> bool:
        """Tell what is wrong with single values; False where nothing of the row can be read."""
        for refusal in record.refusals:
            self.refuse(refusal)
        self.bad_options = frozenset(refusal.field for refusal in record.refusals)
        return None not in self.bad_options

    def refuse(self, refusal: InvalidRequestError, custom_id: str | None = None) -> None:
        """Record an error."""
        self._add(self._locator.problem(refusal, self.combination, custom_id=custom_id))

    def warn(self, refusal: InvalidRequestError, custom_id: str) -> None:
        """Record a warning."""
        found = self._locator.problem(refusal, self.combination, custom_id=custom_id, severity=Severity.WARNING)
        self._add(found)

    def _add(self, problem: Problem) -> None:
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.setdefault((problem.column, problem.code, problem.message), problem)
        else:
            self.unlisted_count += 1


def _taken(code: str, what: str, line: int, field_name: str | None = None) -> InvalidRequestError:
    where = "an earlier clip" if line == NO_LINE else f"the row of line {line}"
    return InvalidRequestError(code, f"{what} is taken by {where}", field_name)


def _above(line: int) -> InvalidRequestError:
    where = "an earlier clip" if line == NO_LINE else f"the row of line {line}"
    why = (
        f"custom_id: {where} comes after this clip, whose content is new; a clip must be below the one that it follows"
    )
    return InvalidRequestError("bad_chain", why, "custom_id")


def _duplicate(line: int) -> InvalidRequestError:
    where = "an earlier clip" if line == NO_LINE else f"the row of line {line}"
    why = f"it sends the same as {where} and is left out: one video is rendered, and paid for, once"
    return InvalidRequestError("duplicate_content", why)
