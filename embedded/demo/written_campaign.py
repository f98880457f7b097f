"""A campaign that the demo has written for it: a brief, its storyboard, and six checked clips over three models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from embedded.demo.inputs import Inputs
from reelqueue import Client, ConfigurationError
from reelqueue.campaigns import ProblemLog, open_campaign
from reelqueue.campaigns.clip_json import clip_object
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.writer.calls import CountedCalls, total_cost
from reelqueue.campaigns.writer.offer import read_wish
from reelqueue.campaigns.writer.project import new_project, run_prompts, run_storyboard
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.cli._writer.queued import QueuedCalls
from reelqueue.qwen import TextCost

_TEXT_MODEL = "qwen-plus"
_MODELS = ("wan2.7-t2v", "wan2.7-i2v", "wan2.7-r2v")
_CLIPS = 6
_BRIEF = """\
# The fox and the harbour

![fox](fox.png) ![harbour](harbour.png)

A fox comes down to the harbour at dusk and waits for a ship. Six short clips, calm and friendly.
"""


@dataclass(frozen=True)
class WrittenCampaign:
    """Clips that wait to be applied, and what their text has cost."""

    options: CampaignOptions
    lines: tuple[bytes, ...]
    """The clips as they are submitted."""
    text_cost: TextCost

    @property
    def clip_count(self) -> int:
        """How many clips there are."""
        return len(self.lines)

    def apply(self, client: Client) -> None:
        """Store the campaign and its clips; a second time changes nothing."""
        client.campaigns.put(self.options)
        client.campaigns.submit_clips(self.options.name, self.lines)


def write_campaign(inputs: Inputs, folder: Path, client: Client) -> WrittenCampaign:
    """Write the campaign into a folder, as ``reelqueue campaign write`` does; run again, it goes on where it was.

    Args:
        inputs: Its pictures.
        folder: Made; holds the campaign file afterwards.
        client: Of the server that asks the language model.
    """
    brief = inputs.fox.parent / "brief.md"
    brief.write_text(_BRIEF)
    wish = read_wish(models=_MODELS, clips=_CLIPS, budget="5 USD")
    project = new_project(folder, brief, wish=wish, model=_TEXT_MODEL, region=SINGAPORE)
    calls = CountedCalls(QueuedCalls(client, project.name))
    board = run_storyboard(project, calls)
    for clip in board.clips:
        typer.echo(f"{clip.id}  {clip.model}  {clip.seconds} s  {clip.subject}, {clip.action}")
    result = run_prompts(project, board, calls)
    typer.echo(f"{result.manifest}: {result.checked.plan.clip_count} clips, checked; {folder / 'NOTES.md'}")
    cost = total_cost(calls.asked)
    if cost is None:
        raise ConfigurationError(f"no price is known for {_TEXT_MODEL}")
    with open_campaign(result.manifest, local_files=True) as campaign:
        lines = tuple(json.dumps(clip_object(clip)).encode() for clip in campaign.clips(ProblemLog()))
        return WrittenCampaign(campaign.options, lines, cost)
