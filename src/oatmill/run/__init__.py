"""Which notebooks can run on this data, and running them: progress, cache, resume, manifest, the folder switch.

chapters    what each notebook requires, and what this study's files hold
progress    lines, or a bar per notebook
kernel      one notebook through Papermill, in a kernel with an environment of its own
pages       the executed pages, kept by content
switch      one run at a time; a report is replaced whole or not at all
record      results.csv, manifest.json and the key of an unchanged report
releases    the published releases, kept for the next report to heed
seal        whether a report is still as its run left it
safety      the plan, the pages it changes, and the gate with what this machine knows
report      the whole of `oatmill report`
publish     the whole of `oatmill publish`
by_hand     the whole of `oatmill run`
"""

from __future__ import annotations

from oatmill.run.by_hand import run_notebook
from oatmill.run.chapters import Capability, Chapter, capabilities_of, find_chapters
from oatmill.run.pages import Page
from oatmill.run.progress import Console
from oatmill.run.report import BookMaterial, Parts, Report, make_report

__all__ = [
    "BookMaterial",
    "Capability",
    "Chapter",
    "Console",
    "Page",
    "Parts",
    "Report",
    "capabilities_of",
    "find_chapters",
    "make_report",
    "run_notebook",
]
