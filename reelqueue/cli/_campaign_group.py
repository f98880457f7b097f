"""Assemble the group `reelqueue campaign`."""

from __future__ import annotations

from reelqueue.cli._campaign import apply, control, decide, gallery, set_options, watch
from reelqueue.cli._campaign.check import campaign
from reelqueue.cli._writer import rewrite, write

__all__ = ["campaign"]

for _module in (write, rewrite, apply, watch, control, set_options, gallery, decide):
    for _command in _module.COMMANDS:
        campaign.command(_command.__name__.rstrip("_"))(_command)
