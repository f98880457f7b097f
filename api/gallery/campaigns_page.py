"""All campaigns of a caller on one page: what each is about, how far it is, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Final

from api.gallery.html_document import Dress, document
from api.gallery.tiles import Picture
from api.gallery.tiles_html import costs, sentence, state_words
from reelqueue.schemas.campaigns import Campaign, Phase
from reelqueue.states import TERMINAL, RenderState

CAMPAIGNS_DRESS: Final = Dress(("base.css", "door.css"))

_TONES: Final[Mapping[RenderState, str]] = {
    RenderState.SUCCEEDED: "good",
    RenderState.FAILED: "bad",
    RenderState.MODERATED: "bad",
    RenderState.LOST: "bad",
    RenderState.NEEDS_REVIEW: "bad",
}
_ORDER: Final = ("good", "bad", "over", "going")
"""What has ended stands to the left of what goes on; what waits is the empty rest."""


@dataclass(frozen=True, kw_only=True)
class Reel:
    """A campaign in the list."""

    campaign: Campaign
    url: str
    """Its gallery."""
    posters: Sequence[Picture] = field(default_factory=list)
    """A few of its clips."""


def campaigns_page(reels: Sequence[Reel], *, key_name: str | None, older_url: str | None) -> str:
    """The page.

    Args:
        reels: Newest first.
        key_name: Whose key let the caller in; None: no key is needed.
        older_url: The next page.
    """
    who = ""
    if key_name is not None:
        out = '<form method="post" action="/sign-out"><button>Sign out</button></form>'
        who = f'<div class="who"><span>{escape(key_name)}</span>{out}</div>'
    empty = '<p class="none">No campaign yet. <code>reelqueue campaign apply FILE</code> makes one.</p>'
    older = (
        f'<nav class="pages"><a rel="next" href="{escape(older_url)}">Older campaigns</a></nav>' if older_url else ""
    )
    body = f"""<header class="masthead"><h1>Campaigns</h1>{who}</header>
<main>
<ol class="reels">{"".join(map(_reel, reels))}</ol>
{"" if reels else empty}{older}
</main>"""
    return document(CAMPAIGNS_DRESS, "Campaigns · Reelqueue", body, is_served=True)


def missing_page(detail: str) -> str:
    """What stands in the place of a campaign that is not there.

    Args:
        detail: What was looked for.
    """
    body = f"""<header class="masthead"><h1>Not here</h1></header>
<main class="reels"><p>{sentence(detail)}</p><p><a href="/campaigns">All campaigns</a></p></main>"""
    return document(CAMPAIGNS_DRESS, "Not here · Reelqueue", body, is_served=True)


def _reel(reel: Reel) -> str:
    campaign = reel.campaign
    phase = f'<span class="phase" data-phase="{campaign.phase}">{campaign.phase.replace("_", " ")}</span>'
    reasons = [*filter(None, [campaign.reason]), *(hold.reason for hold in campaign.holds)]
    reason = "".join(f'<p class="reason">{sentence(each)}</p>' for each in reasons)
    pictures = "".join(map(_picture, reel.posters))
    strip = f'<div class="strip">{pictures}</div>' if pictures else ""
    return f"""<li class="reel"><h2><a href="{escape(reel.url)}">{escape(campaign.name)}</a>{phase}</h2>
{reason}{strip}{_bar(campaign)}<ul class="facts">{"".join(_facts(campaign))}</ul></li>"""


def _picture(picture: Picture) -> str:
    size = (("width", picture.width_px), ("height", picture.height_px))
    sized = "".join(f' {name}="{pixels}"' for name, pixels in size if pixels)
    return f'<img src="{escape(picture.url)}" alt="" loading="lazy" decoding="async"{sized}>'


def _bar(campaign: Campaign) -> str:
    """How far it is; drawn, because the policy lets no element carry a style."""
    shares = dict.fromkeys(_ORDER, 0)
    for state, count in campaign.counts.items():
        tone = _TONES.get(state, "over" if state in TERMINAL else "going")
        shares[tone] += 0 if state is RenderState.QUEUED else count
    total, x, parts = max(campaign.clip_count, 1), 0.0, []
    for tone, count in shares.items():
        width = 1000 * count / total
        parts.append(f'<rect class="{tone}" x="{x:.1f}" width="{width:.1f}" height="5"/>' if count else "")
        x += width
    return f'<svg class="bar" viewBox="0 0 1000 5" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'


def _facts(campaign: Campaign) -> Iterator[str]:
    yield f"<li><b>{campaign.clip_count:,}</b> {'clip' if campaign.clip_count == 1 else 'clips'}</li>"
    for state in RenderState:
        if count := campaign.counts.get(state):
            yield f'<li data-state="{state}"><b>{count:,}</b> {state_words(state).lower()}</li>'
    for money in campaign.money:
        yield f"<li>{costs(money)}</li>"
    if campaign.phase is Phase.RUNNING and campaign.clips_per_minute:
        yield f"<li><b>{campaign.clips_per_minute:g}</b> a minute</li>"
    yield f'<li class="last">{_time(campaign.created_at)}</li>'


def _time(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at.day} {at:%B %Y, %H:%M} UTC</time>'
