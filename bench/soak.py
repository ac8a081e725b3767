"""The long runs: many invented programmes, each held to what must be true of every report.

    python bench/soak.py                     20 programmes, one report made twice, 10,000 books attacked, 20,000 spoilt files
    python bench/soak.py --seeds 200 --minutes 60
    python bench/soak.py --seeds 5 --reports 0 --books 0 --files 0
    python bench/soak.py --seeds 0 --reports 0 --books 1000 --files 0
    python bench/soak.py --seeds 0 --reports 0 --books 1000 --files 0 --first 1001 --processes 1

Each kind of run appends one line to bench/soak.csv: date, commit, what, seconds, outcome. The exit code is 1 when
something did not hold; the line then names the seed, and the same seed gives the same programme again.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import filecmp
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from oatmill.cli import main as oatmill
from oatmill.disclosure import release
from oatmill.errors import NotSupported
from oatmill.profiles import PROFILES
from oatmill.retention import estimate_exits, estimate_retention
from oatmill.run.report import open_session
from oatmill.session import Session
from oatmill.study import read_study
from oatmill.survival import aalen_johansen, count_by_day, kaplan_meier

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from helpers.campaign import Figures, campaign  # noqa: E402

COLUMNS = ("date", "commit", "what", "seconds", "outcome")
FIRST_SEED = 1
BOOKS_AT_ONCE = 50
FUZZ_TESTS = 4  # in tests/properties/test_intake_fuzz.py, each with as many files


class Broken(Exception):
    """An invariant that did not hold."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


# One programme


def soak_programme(seed: int, size: argparse.Namespace, folder: Path) -> None:
    """Generate a programme, take it through the stations, hold each to what must be true of it."""
    generate(folder / "study", seed, size)
    session = open_session(read_study(folder / "study"), folder / "work")
    check_ledger(session)
    episodes = {gap: session.episodes(gap) for gap in (7, 30)}
    for gap, frame in episodes.items():
        check_episodes(frame, gap)
    require(len(episodes[7]) >= len(episodes[30]), "a narrower gap gives fewer episodes")
    check_cohort(session)
    check_curves(session)
    check_shuffled(folder, episodes[30])


def generate(folder: Path, seed: int, size: argparse.Namespace) -> None:
    words = ["synth", folder, "--seed", seed, "--clients", size.clients, "--sites", size.sites, "--years", size.years]
    require(oatmill([str(word) for word in words]) == 0, "oatmill synth failed")


def check_ledger(session: Session) -> None:
    ledger = session.intake.ledger
    balance = ledger["rows_read"] - ledger["rows_kept"] - ledger["rows_quarantined"]
    require((balance == 0).all(), "rows read are not rows kept and rows quarantined")


def check_episodes(frame: pd.DataFrame, gap: int) -> None:
    require((frame["days"] == frame["end_day"] - frame["start_day"] + 1).all(), "days in treatment")
    require((frame["dosed_days"] <= frame["days"]).all(), "more dosed days than days")
    require((frame["missed_days"] >= 0).all(), "negative missed days")
    ordered = frame.sort_values(["client", "episode"])
    same = ordered["client"].eq(ordered["client"].shift())
    apart = ordered["start_day"] - ordered["end_day"].shift() - 1
    require((apart[same] >= gap).all(), f"episodes closer than the gap of {gap}")
    require((ordered["episode"][~same] == 1).all(), "a first episode that is not number 1")


def check_cohort(session: Session) -> None:
    cohort = session.cohort()
    counts = [step.n for step in cohort.attrition]
    require(counts == sorted(counts, reverse=True), "attrition rises")
    require(counts[-1] == len(cohort.frame), "attrition does not end at the cohort")
    require(cohort.frame["client"].is_unique, "a client stands twice in the cohort")
    require((cohort.frame["time"] > cohort.frame["entry"]).all(), "nobody is at risk for no time")
    exits = estimate_exits(cohort, session.definitions).frame
    require(exits["estimate"].sum() == len(cohort.frame), "exits do not add up to the cohort")


def check_curves(session: Session) -> None:
    cohort, definitions = session.cohort(), session.definitions
    try:
        result = estimate_retention(cohort, definitions)
        net = estimate_retention(cohort, definitions, net=True)
    except NotSupported:
        return  # a small programme may have too few starters for a curve, and says so
    both = result.frame.merge(net.frame, on="day", suffixes=("", "_net"))
    require((both["estimate_net"] >= both["estimate"] - 1e-12).all(), "net retention is below retention")
    for curve in (result.frame, release(result, "midpoint6").frame):
        check_one_curve(curve)
    check_released(release(result, "midpoint6").frame)
    check_competing(cohort.frame)


def check_one_curve(frame: pd.DataFrame) -> None:
    survival = frame.sort_values("day")["estimate"].dropna()
    require(survival.between(0, 1).all(), "S outside [0, 1]")
    require((survival.diff().dropna() <= 1e-12).all(), "S rises")
    bounds = frame.dropna(subset=["lower", "upper"])
    require((bounds["lower"] <= bounds["estimate"] + 1e-12).all(), "lower limit above the estimate")
    require((bounds["upper"] >= bounds["estimate"] - 1e-12).all(), "upper limit below the estimate")


def check_released(frame: pd.DataFrame) -> None:
    """Under a released curve the events so far are a rounded count, and those at risk lie on its grid of threes."""
    shown = frame[frame["status"] == "shown"].sort_values("day")
    so_far = shown["events"].cumsum()
    rounded = so_far.map(lambda count: PROFILES["midpoint6"].count(int(count)) == count)
    require(rounded.all(), "released events that are no rounded count")
    require((shown["n"] % 3 == 0).all(), "a released number at risk that tells more than rounded counts do")


def check_competing(frame: pd.DataFrame) -> None:
    """The causes together and S are everybody; with every end one event, S is Kaplan-Meier's."""
    arrays = frame["time"].to_numpy(), frame["event"].to_numpy(), frame["entry"].to_numpy()
    curve = kaplan_meier(count_by_day(arrays[0], (arrays[1] > 0).astype(int), arrays[2]))
    incidence = aalen_johansen(count_by_day(*arrays))
    last = incidence.sort_values("day").groupby("cause")["cif"].last().sum()
    require(np.isclose(last + curve["survival"].iloc[-1], 1, atol=1e-9), "causes and S do not add up to 1")


def check_shuffled(folder: Path, expected: pd.DataFrame) -> None:
    """The order of the rows of a dosing log means nothing."""
    log = folder / "study" / "doses.csv"
    rows = pd.read_csv(log, dtype=str, keep_default_na=False)
    rows.sample(frac=1, random_state=1).to_csv(log, index=False, lineterminator="\n")
    found = open_session(read_study(folder / "study"), folder / "work-shuffled").episodes(30)
    require(found.equals(expected), "another order of the rows gives other episodes")


def soak_programmes(size: argparse.Namespace) -> str:
    started, done = time.monotonic(), 0
    for seed in range(FIRST_SEED, FIRST_SEED + size.seeds):
        if time.monotonic() - started > 60 * size.minutes:
            break
        with scratch() as folder:
            try:
                soak_programme(seed, size, folder)
            except Broken as error:
                return f"FAILED at seed {seed}: {error}"
            except Exception as error:  # noqa: BLE001  whatever it is, the line names the seed
                traceback.print_exc()
                return f"FAILED at seed {seed}: {type(error).__name__}"
        done += 1
    return f"ok: {done} programmes"


# Disclosure: whole books, attacked by somebody who combines all their numbers


def soak_books(size: argparse.Namespace) -> str:
    """Publish and attack invented programmes, mostly under the default profile."""
    seeds = range(size.first, size.first + size.books)
    pieces = [seeds[at : at + BOOKS_AT_ONCE] for at in range(0, len(seeds), BOOKS_AT_ONCE)]
    with ProcessPoolExecutor(size.processes) as pool:
        found = list(pool.map(partial(attack_books, without_plan=not size.plan_only), pieces))
    figures = sum(found[1:], start=found[0])
    return f"FAILED: {figures}; {'; '.join(figures.holes)}" if figures.holes else f"ok: {figures}"


def attack_books(seeds: range, *, without_plan: bool) -> Figures:
    """One piece: each fifth under a profile that hides small counts. `without_plan`: attack each as it would be, too."""
    plain = campaign([seed for seed in seeds if seed % 5], "midpoint6", without_plan=without_plan)
    return plain + campaign([seed for seed in seeds if not seed % 5], "redact7_round5", without_plan=without_plan)


# The whole report


def soak_reports(size: argparse.Namespace) -> str:
    """The same study reported twice, in two places, from nothing: the same bytes in results.csv."""
    for seed in range(FIRST_SEED, FIRST_SEED + size.reports):
        with scratch() as folder:
            generate(folder / "study", seed, size)
            made = [make_report(folder / "study", folder / place) for place in ("one", "two")]
            if not filecmp.cmp(*made, shallow=False):
                return f"FAILED at seed {seed}: two runs gave different results.csv"
    return f"ok: {size.reports} reports, each made twice"


def make_report(study: Path, out: Path) -> Path:
    out.mkdir()
    require(oatmill(["report", str(study), "--out", str(out)]) == 0, "oatmill report failed")
    (results,) = out.glob("reports/*/results/results.csv")
    return results


# The log of runs


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="oatmill-soak-") as folder:
        yield Path(folder)


def soak_files(size: argparse.Namespace) -> str:
    """The fuzz tests of the intake on so many files: no traceback, no lost row, a documented exit code."""
    tests = HERE.parent / "tests" / "properties" / "test_intake_fuzz.py"
    each = -(-size.files // FUZZ_TESTS)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(words, cwd=HERE.parent, env={**os.environ, "OATMILL_FUZZ": str(each)}, check=False)
    return "FAILED: pytest says which" if done.returncode else f"ok: {each * FUZZ_TESTS} files"


def commit() -> str:
    """The commit that ran, marked where anything but the log of runs differs from it."""
    head = git("rev-parse", "--short=10", "HEAD") or "unknown"
    return f"{head}-dirty" if git("status", "--porcelain", "--", ":/", ":(exclude,top)bench/soak.csv") else head


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


def log_run(what: str, run: Callable[[], str], to: Path) -> bool:
    """Run, and append the line that says how it went."""
    started, ran = time.monotonic(), commit()
    outcome = run()
    seconds = f"{time.monotonic() - started:.0f}"
    new = not to.exists()
    with to.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([dt.datetime.now(dt.UTC).date().isoformat(), ran, what, seconds, outcome])
    print(f"{what}: {outcome} ({seconds} s)")
    return outcome.startswith("ok")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The long runs; appends dated lines to bench/soak.csv.")
    parser.add_argument("--seeds", type=int, default=20, help="programmes to generate (default: 20)")
    parser.add_argument("--minutes", type=float, default=30, help="start no programme after this long (default: 30)")
    parser.add_argument("--reports", type=int, default=1, help="reports to make twice and compare (default: 1)")
    parser.add_argument("--books", type=int, default=10_000, help="books to publish and attack (default: 10,000)")
    parser.add_argument("--files", type=int, default=20_000, help="spoilt files to read (default: 20,000)")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="seed of the first book (default: 1)")
    parser.add_argument("--plan-only", action="store_true", help="attack no book as it would be without a plan")
    parser.add_argument("--processes", type=int, default=2, help="books attacked at once (default: 2)")
    parser.add_argument("--clients", type=int, default=600, help="clients of each programme (default: 600)")
    parser.add_argument("--sites", type=int, default=5, help="sites of each programme (default: 5)")
    parser.add_argument("--years", type=int, default=3, help="years of each programme (default: 3)")
    parser.add_argument("--to", type=Path, default=HERE / "soak.csv", help="the log of runs (default: bench/soak.csv)")
    size = parser.parse_args(argv)
    told = f"{size.clients} clients, {size.sites} sites, {size.years} years"
    good = True
    if size.seeds:
        good &= log_run(f"{size.seeds} programmes of {told}", lambda: soak_programmes(size), size.to)
    if size.reports:
        good &= log_run(f"{size.reports} reports of {told}, twice", lambda: soak_reports(size), size.to)
    if size.books:
        good &= log_run(f"{size.books} books attacked, from seed {size.first}", lambda: soak_books(size), size.to)
    if size.files:
        good &= log_run(f"{size.files} spoilt files read", lambda: soak_files(size), size.to)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
