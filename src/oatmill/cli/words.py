"""The words of each command, and the help that a newcomer reads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oatmill
from oatmill.cli import commands, proposal, publishing, trace
from oatmill.errors import EXIT_CODES

_ABOUT = """\
From the dosing records of an opioid agonist treatment programme to a checked, safe-to-publish online report.

Start here:
  oatmill report                       make the report of the demo study, which is invented
  oatmill init my-study a.csv b.csv    propose a study file for your own tables
  oatmill check my-study               check the tables, and see which chapters they can answer
  oatmill report my-study              make the report: reports/<id>/site/index.html
  oatmill publish reports/<id> --name 2026-01    when you put it online, so that later reports fit to it
"""

_REPORT = """\
Check the data, run the notebooks, and build the report. Only what has changed is done again.

reports/<id>/ holds what may be published: site/ (open index.html), site.zip, results/, notebooks/, manifest.json.
work/<id>/ holds everything else - unreleased results, rejected rows, logs. Never share it.
"""

_INIT = """\
Propose a study.yaml from the headers and first rows of your files.

Names and codes are known in English, Russian, Kyrgyz and Chinese. What is not certain is marked TODO for you to settle.
Where there is a study.yaml already, every line of it stays, and what is new is added as comments.
"""

_TRACE = """\
Explain one client's episodes run by run, on your own screen: what covered which days, and which rule ended each.

The client is named by the pseudonym, or the beginning of it, that stands in work/<id>/. Nothing is written.
"""

_PUBLISH = """\
Note that a report is published, so that comparing it with later ones reveals nobody. Nothing is sent anywhere.

Run it on the day you put a report online. Its counts are kept in work/<id>/releases/; from then on `oatmill report`
gives each count the value that readers have already seen until it has moved far enough. A report that was altered
since it was made, or made without heed to the release before, is refused.
"""


def build_parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in sorted(EXIT_CODES.items()))
    parser = argparse.ArgumentParser(
        prog="oatmill",
        description=_ABOUT,
        epilog=f"Exit codes:\n{codes}\n\nHelp on one command: oatmill report --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"oatmill {oatmill.__version__}")
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_report, _add_publish, _add_check, _add_init, _add_synth, _add_run, _add_trace):
        add(kinds)
    return parser


def _command(kinds: Any, name: str, act: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=about.splitlines()[0],
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=act)
    parser.add_argument("--debug", action="store_true", help="keep full error texts (they may hold data) in work/")
    return parser


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", nargs="?", type=Path, help="study file or its folder (default: the demo study)")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where reports/ and work/ stand (default: here)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="overrule the study file: definitions.gap_days=14",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for another run on the same study instead of refusing"
    )


def _add_report(kinds: Any) -> None:
    parser = _command(kinds, "report", commands.report, _REPORT)
    _add_study(parser)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="notebooks that run at once (default: 2)")
    parser.add_argument("--pdf", action="store_true", help="also print the book as report.pdf (needs Chromium)")


def _add_publish(kinds: Any) -> None:
    parser = _command(kinds, "publish", publishing.publish, _PUBLISH)
    parser.add_argument("report", type=Path, help="folder of the report (reports/my-study), or the id of its study")
    act = parser.add_mutually_exclusive_group(required=True)
    act.add_argument("--name", help="publish under this name, such as 2026-01")
    act.add_argument("--list", action="store_true", help="show what was published, and when")
    act.add_argument("--withdraw", metavar="NAME", help="forget the last release, if nobody has seen it")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where reports/ and work/ stand (default: here)"
    )
    parser.add_argument("--wait", action="store_true", help="wait for a run on the same study instead of refusing")


def _add_check(kinds: Any) -> None:
    about = "Check a study: every fault of its files at once, rows kept, and the chapters it can answer."
    _add_study(_command(kinds, "check", commands.check, about))


def _add_init(kinds: Any) -> None:
    parser = _command(kinds, "init", proposal.init, _INIT)
    parser.add_argument("folder", type=Path, help="folder for study.yaml (made where it does not exist)")
    parser.add_argument(
        "files", nargs="*", type=Path, help="text, Excel, Stata, SPSS, SAS, R, Parquet, SQLite; gzip, zip"
    )
    parser.add_argument("--url-from", metavar="ENV", help="environment variable with the URL of a PostgreSQL database")
    parser.add_argument("--table", metavar="NAME", help="table of that database (schema.table)")


def _add_synth(kinds: Any) -> None:
    parser = _command(kinds, "synth", commands.synth, "Write a study of invented clients, whose truth is known.")
    parser.add_argument("folder", type=Path, help="a folder without a study.yaml")
    parser.add_argument("--clients", type=int, default=3000, metavar="N", help="default: 3000")
    parser.add_argument("--sites", type=int, metavar="N", help="default: 12; of a nation, as published for its clients")
    parser.add_argument("--years", type=int, default=4, metavar="N", help="default: 4; a nation has those of Li 2013")
    parser.add_argument(
        "--shape",
        choices=("programme", "national"),
        help="national: like China's from 2004 to 2011, as Parquet (default from 50,000 clients on)",
    )
    parser.add_argument("--seed", type=int, default=20240101, metavar="N", help="the same seed gives the same files")


def _add_run(kinds: Any) -> None:
    about = "Run one notebook by hand, outside any report."
    parser = _command(kinds, "run", commands.run, about)
    parser.add_argument("notebook", type=Path, help="a notebook, or the name of one that comes with Oatmill")
    parser.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a value for its parameters cell"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="the executed copy (default: NOTEBOOK-run.ipynb, here)")


def _add_trace(kinds: Any) -> None:
    parser = _command(kinds, "trace", trace.trace, _TRACE)
    _add_study(parser)
    parser.add_argument(
        "--client", required=True, metavar="PSEUDONYM", help="16 hexadecimal digits, or the first of them"
    )
