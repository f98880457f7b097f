r"""Campaign files: a spreadsheet, JSON or a manifest with templates and a matrix, read as requests.

Reading is a stream: each row is checked, problems are collected and never stop it, and what is sent to the service
has a hash, so that a corrected file applied again renders only what differs. Nothing here talks to a network.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder, "boats.csv")
...     _ = path.write_text("custom_id,model,prompt\nboat-1,wan2.6-t2v,a paper boat\nboat-2,wan2.6-t2v,\n")
...     log = ProblemLog()
...     with open_campaign(path) as campaign:
...         print([clip.output for clip in campaign.clips(log)], log.groups[0].first.message)
['boats/boat-1.mp4'] prompt: wan2.6-t2v needs one
"""

from __future__ import annotations

from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.open_file import CampaignFile, open_campaign
from reelqueue.campaigns.options import Breaker, Budget, CampaignOptions
from reelqueue.campaigns.problem import CampaignFileError, Problem, Severity
from reelqueue.campaigns.problem_log import Group, ProblemLog

__all__ = [
    "Breaker",
    "Budget",
    "CampaignFile",
    "CampaignFileError",
    "CampaignOptions",
    "Clip",
    "Group",
    "Problem",
    "ProblemLog",
    "Severity",
    "open_campaign",
]
