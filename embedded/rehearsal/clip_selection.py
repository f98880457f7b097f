"""What is played: the good clips of a file, or a part of them that is spread over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.plan.check_file import Checked, check_file
from reelqueue.campaigns.plan.cost_plan import Plan
from reelqueue.campaigns.plan.server_diff import ClipChange
from reelqueue.campaigns.report.summary import verdict
from reelqueue.errors import ConfigurationError


@dataclass(frozen=True)
class ClipSelection:
    """A campaign, ready to be played."""

    options: CampaignOptions
    checked: Checked
    clips: Sequence[Clip]
    """Each after the one that it waits for."""
    plan: Plan
    """Of these."""

    @property
    def has_chains(self) -> bool:
        """Whether a clip begins with the last frame of another."""
        return any(clip.is_continued for clip in self.clips)


def read_script(
    file: Path,
    *,
    region: str,
    encoding: str | None,
    sheet: str | None,
    changes: Mapping[str, object],
    clips_max: int,
) -> ClipSelection:
    """Read a campaign file to its end.

    Args:
        file: The file.
        region: Whose prices count.
        encoding: Of a CSV or JSON file; None takes what the first bytes say.
        sheet: Of a workbook; None takes the only one that has cells.
        changes: Options of the campaign that win over the file's.
        clips_max: A larger file is played in part.

    Raises:
        ConfigurationError: Nothing of the file can be rendered.
    """
    good: list[Clip] = []

    def keep(clip: Clip, _change: ClipChange) -> None:
        good.append(clip)

    checked = check_file(file, region=region, encoding=encoding, sheet=sheet, changes=changes, keep=keep)
    if checked.options is None or checked.log.file_error_count or not good:
        why = verdict(checked.log) if checked.log.error_count else "it has no clips"
        raise ConfigurationError(f"{file} cannot be rehearsed: {why}; see: reelqueue campaign check {file}")
    clips = spread(good, clips_max)
    plan = Plan(region)
    for clip in clips:
        plan.add(clip)
    return ClipSelection(checked.options, checked, clips, plan)


def spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Some of the clips, evenly over the file, with all that they wait for; all of them if they are few."""
    if len(clips) <= most:
        return list(clips)
    root_of: dict[str, str] = {}
    for clip in clips:
        root_of[clip.custom_id] = root_of.get(clip.after, clip.after) if clip.after is not None else clip.custom_id
    roots = list(dict.fromkeys(root_of.values()))
    count = max(most * len(roots) // len(clips), 1)
    chosen = {roots[number * len(roots) // count] for number in range(count)}
    # What is cut off are the ends of chains: a clip stands below the one that it waits for.
    return [clip for clip in clips if root_of[clip.custom_id] in chosen][:most]
