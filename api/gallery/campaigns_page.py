"""All campaigns of a caller on one page: what each is about, how far it is, and what it has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.gallery.html_document import PageAssets, document
from api.gallery.tiles import Picture
from reelqueue.schemas.campaigns import Campaign, Phase
from reelqueue.states import TERMINAL, RenderState

CAMPAIGNS_ASSETS: Final = PageAssets(("base.css", "door.css"))

_TONES: Final[Mapping[RenderState, str]] = {
    RenderState.SUCCEEDED: "good",
    RenderState.FAILED: "bad",
    RenderState.MODERATED: "bad",
    RenderState.LOST: "bad",
    RenderState.NEEDS_REVIEW: "bad",
}
_ORDER: Final = ("good", "bad", "over", "going")
"""What has ended stands to the left of what goes on; what waits is the empty rest."""
_BAR_WIDTH: Final = 1000


@dataclass(frozen=True)
class BarPart:
    """A stretch of the bar that shows how far a campaign is."""

    tone: str
    x: float
    width: float
    """Of 1,000 for the whole campaign."""


@dataclass(frozen=True, kw_only=True)
class CampaignCard:
    """A campaign in the list."""

    campaign: Campaign
    url: str
    """Its gallery."""
    posters: Sequence[Picture] = field(default_factory=list)
    """A few of its clips."""

    @property
    def clips_per_minute(self) -> float | None:
        """Its pace, while it has one."""
        return self.campaign.clips_per_minute if self.campaign.phase is Phase.RUNNING else None

    @property
    def bar(self) -> list[BarPart]:
        """How far it is."""
        shares = dict.fromkeys(_ORDER, 0)
        for state, count in self.campaign.counts.items():
            tone = _TONES.get(state, "over" if state in TERMINAL else "going")
            shares[tone] += 0 if state is RenderState.QUEUED else count
        total, x, parts = max(self.campaign.clip_count, 1), 0.0, []
        for tone, count in shares.items():
            width = _BAR_WIDTH * count / total
            if count:
                parts.append(BarPart(tone, x, width))
            x += width
        return parts


def campaigns_page(cards: Sequence[CampaignCard], *, key_name: str | None, older_url: str | None) -> str:
    """The page.

    Args:
        cards: Newest first.
        key_name: Whose key let the caller in; None: no key is needed.
        older_url: The next page.
    """
    return document(
        "campaigns.html",
        CAMPAIGNS_ASSETS,
        "Campaigns · Reelqueue",
        is_served=True,
        cards=cards,
        key_name=key_name,
        older_url=older_url,
    )


def missing_page(detail: str) -> str:
    """What stands in the place of a campaign that is not there.

    Args:
        detail: What was looked for.
    """
    return document("missing.html", CAMPAIGNS_ASSETS, "Not here · Reelqueue", is_served=True, detail=detail)
