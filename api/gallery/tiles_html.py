"""The visible parts of a gallery page as HTML; every word that came from somebody is escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Final

from api.gallery.tiles import STATE_WORDS, Gallery, Money, Tile
from reelqueue.schemas.campaigns import CampaignMoney
from reelqueue.states import TERMINAL, RenderState

_CENT: Final = Decimal("0.01")
_CHOICES_MAX: Final = 60
"""A variable with more values than this is found by searching, not by choosing."""
_VARIABLES_MAX: Final = 8
"""More would leave no room for clips; the rest is found by searching."""
_FILTERED: Final = ("ratio", "resolution")
"""Options that clips are chosen by, beside the model."""
_DIGITS: Final = re.compile(r"(\d+)")
_WORDS_MAX: Final = 180
"""Characters of a reason that fit into a tile; the detail view has the whole."""
_SHAPES: Final = (("tall", 0.0, 0.8), ("square", 0.8, 1.25), ("classic", 1.25, 1.6), ("wide", 1.6, 100.0))
"""Width by height, from and below."""
_DOMINANT: Final = 0.8
"""The share of one shape from which on all frames have it."""


def heading(gallery: Gallery) -> str:
    """The campaign's name and its numbers."""
    summary = gallery.summary
    clips = f"<b>{summary.clip_count:,}</b> {'clip' if summary.clip_count == 1 else 'clips'}"
    counts = (
        f'<li data-state="{state}">{_count(gallery, state)}</li>'
        for state in RenderState
        if summary.by_state.get(state)
    )
    made = f"{gallery.made_at.day} {gallery.made_at:%B %Y, %H:%M %Z}"
    back = f'<nav class="back"><a href="{escape(gallery.list_url)}">Campaigns</a></nav>' if gallery.list_url else ""
    return f"""<header class="masthead">{back}
<h1>{escape(gallery.title)}</h1>
<ul class="numbers"><li>{f'<a href="?">{clips}</a>' if gallery.only else clips}</li>
{"".join(counts)}{_costs(gallery)}</ul>
<p class="made"><time datetime="{gallery.made_at.isoformat()}">{made}</time>{_sheets(gallery.sheet_url)}</p>
<div class="reasons" aria-live="polite">{_reason(gallery)}</div></header>"""


def _costs(gallery: Gallery) -> str:
    """What it has cost, and what it may; a folder goes to others, whom the budget does not concern."""
    if gallery.money:
        return "".join(f'<li class="money">{costs(money)}</li>' for money in gallery.money)
    return "".join(f"<li><b>{escape(money_words(money))}</b> spent</li>" for money in gallery.summary.spent)


def _reason(gallery: Gallery) -> str:
    """Why nothing goes on, and what to press."""
    holds = "".join(f'<p class="reason"><span>{sentence(hold)}</span></p>' for hold in gallery.holds)
    if not gallery.reason:
        return holds
    button = '<button type="button" data-approve hidden>Approve the rest</button>' if gallery.approval else ""
    return f'<p class="reason"><span>{sentence(gallery.reason)}</span>{button}</p>{holds}'


def _count(gallery: Gallery, state: RenderState) -> str:
    """How many clips are in a state; where these are not all on the page, the way to them."""
    words = f"<b>{gallery.summary.by_state[state]:,}</b> {state_words(state).lower()}"
    is_whole = gallery.only is None and not (gallery.next_url or gallery.previous_url)
    if gallery.list_url is None or is_whole:
        return words
    here = ' aria-current="true"' if state is gallery.only else ""
    return f'<a href="?state={state}"{here}>{words}</a>'


def _sheets(url: str | None) -> str:
    if url is None:
        return ""
    links = (f'<a href="{escape(url)}.{suffix}">{suffix.upper()}</a>' for suffix in ("png", "pdf"))
    return f"<span>Contact sheet {' · '.join(links)}</span>"


def toolbar(gallery: Gallery) -> str:
    """Search and filters; those with a single choice are left out."""
    states = Counter(tile.state for tile in gallery.tiles)
    chips = (
        f'<label class="chip" data-state="{state}"{_hidden(state not in states)}>'
        f'<input type="checkbox" name="state" value="{state}">'
        f"<span>{state_words(state)} <small>{states[state]:,}</small></span></label>"
        for state in RenderState
    )
    choices = [_choice("model", "Model", (tile.model for tile in gallery.tiles))]
    choices += [
        _choice(f"asked:{name}", name.capitalize(), (str(tile.asked.get(name, "")) for tile in gallery.tiles))
        for name in _FILTERED
    ]
    choices += [
        _choice(f"var:{name}", name, (tile.variables.get(name, "") for tile in gallery.tiles))
        for name in _names(gallery)[:_VARIABLES_MAX]
    ]
    return f"""<form class="toolbar" role="search" aria-label="Filter the clips" hidden>
<label class="find"><span class="sr">Search names, prompts and reasons</span>
<input type="search" name="words" placeholder="Search" autocomplete="off" spellcheck="false"></label>
<fieldset class="chips"{_hidden(len(states) < 2)}><legend class="sr">State</legend>{"".join(chips)}</fieldset>
<div class="choices">{"".join(choices)}{_choice("decision", "Mark", ("", "approve", "reject", "retry"))}</div>
<p class="shown"><output name="shown" role="status"></output>
<button type="reset" hidden>Show all</button><button type="button" data-save hidden>Save marks</button>
<button type="button" data-help aria-label="Keyboard shortcuts" title="Keyboard shortcuts">?</button></p>
</form>"""


def tiles_html(gallery: Gallery) -> str:
    """The sheet itself, and the way to the pages beside it."""
    tiles = "\n".join(_tile(tile, gallery.first_number + index) for index, tile in enumerate(gallery.tiles))
    pages = (("prev", "Back", gallery.previous_url), ("next", "More clips", gallery.next_url))
    links = "".join(f'<a rel="{rel}" href="{escape(url)}">{words}</a>' for rel, words, url in pages if url)
    return f"""<ol class="sheet" id="sheet" tabindex="-1" data-shape="{_shape(gallery.tiles)}" aria-label="Clips">
{tiles}
</ol>
<p class="none" data-empty{_hidden(bool(gallery.tiles))}>No clip yet.</p>
<p class="none" data-none hidden>No clip is like that.</p>
<nav class="pages" aria-label="Pages"{_hidden(not links)}>{links}</nav>"""


def sentence(words: str) -> str:
    """A remark of the server's as a sentence, escaped."""
    return f"{escape(words[:1].upper() + words[1:])}."


def state_words(state: RenderState) -> str:
    """A state as people read it."""
    return STATE_WORDS[state].capitalize()


def money_words(money: Money) -> str:
    """An amount as people read it."""
    amount = money.amount.normalize()
    # Prices per second have more digits than cents, and a sum of them may need each.
    return f"{amount.quantize(_CENT) if amount == amount.quantize(_CENT) else amount:,f} {money.currency}"


def costs(money: CampaignMoney) -> str:
    """What a campaign has spent and reserved, of which budget."""
    spent, reserved = (_amount(amount, money) for amount in (money.spent, money.reserved))
    held = f" and {reserved} reserved" if money.reserved else ""
    cap = f" of {_amount(money.cap, money)}" if money.cap is not None else ""
    return f"{spent} spent{held}{cap}"


def _amount(amount: Decimal, money: CampaignMoney) -> str:
    return f"<b>{escape(money_words(Money(amount=amount, currency=money.currency)))}</b>"


def _tile(tile: Tile, number: int) -> str:
    mark = f' data-decision="{escape(tile.decision)}"' if tile.decision else ""
    url = tile.clip.url if tile.clip else f"#{tile.id}"
    length = f"{tile.clip.duration_seconds:.0f} s" if tile.clip and tile.clip.duration_seconds else ""
    return (
        f'<li class="tile" data-state="{tile.state}"{mark}><a href="{escape(url)}">'
        f'<span class="frame">{_picture(tile)}</span>'
        f'<span class="edge"><span class="number">{number}</span><span class="name">{escape(tile.name)}</span>'
        f'<span class="length">{length}</span></span></a></li>'
    )


def _picture(tile: Tile) -> str:
    if tile.poster:
        size = (("width", tile.poster.width_px), ("height", tile.poster.height_px))
        sized = "".join(f' {name}="{pixels}"' for name, pixels in size if pixels)
        return f'<img src="{escape(tile.poster.url)}" alt="" loading="lazy" decoding="async"{sized}>'
    why = _shortened(tile.why.message or tile.why.code or "") if tile.why else ""
    kind = "end" if tile.state in TERMINAL or tile.state is RenderState.NEEDS_REVIEW else "wait"
    return f'<span class="slate {kind}"><strong>{state_words(tile.state)}</strong><span>{escape(why)}</span></span>'


def _hidden(is_hidden: bool) -> str:  # noqa: FBT001 - an attribute that is there or not
    return " hidden" if is_hidden else ""


def _shortened(words: str) -> str:
    """A reason as far as it fits into a tile."""
    return words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX].rstrip()}…"


def _choice(name: str, label: str, values: Iterable[str]) -> str:
    found = sorted(set(values), key=_in_order)
    if not 1 < len(found) <= _CHOICES_MAX:
        return ""
    options = "".join(f'<option value="={escape(value)}">{escape(value) or "none"}</option>' for value in found)
    return (
        f'<label class="choice"><span>{escape(label)}</span>'
        f'<select name="{escape(name)}"><option value="">all</option>{options}</select></label>'
    )


def _in_order(value: str) -> tuple[list[tuple[int, str]], str]:
    """Numbers by their value: 720P before 1080P."""
    parts = _DIGITS.split(value)
    return [(int(part) if part.isdecimal() and part.isascii() else -1, part) for part in parts], value


def _names(gallery: Gallery) -> list[str]:
    """Variables of the tiles in the order of the file, then in that in which they first appear."""
    found = dict.fromkeys(name for tile in gallery.tiles for name in tile.variables)
    return list(dict.fromkeys((*(name for name in gallery.variable_names if name in found), *found)))


def _shape(tiles: Sequence[Tile]) -> str:
    """The shape that all frames get: the clips' own, where most have the same."""
    ratios = (
        sized.width_px / sized.height_px
        for tile in tiles
        if (sized := tile.clip or tile.poster) and sized.width_px and sized.height_px
    )
    shapes = Counter(name for ratio in ratios for name, least, below in _SHAPES if least <= ratio < below)
    if not shapes:
        return "wide"
    name, count = shapes.most_common(1)[0]
    return name if count >= _DOMINANT * shapes.total() else "mixed"
