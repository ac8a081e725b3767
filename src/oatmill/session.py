"""What a notebook opens: a study and its stations, built when they are first asked for."""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
import shutil
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oatmill.disclosure import Released, release
from oatmill.errors import NotSupported, ParameterUnknown, ValuesWrong
from oatmill.figures import Note, Plot
from oatmill.pages import Page, run_settings
from oatmill.profiles import PROFILES
from oatmill.results import Result
from oatmill.store import Fingerprints, Store, bundle, hash_text, lock_hash, read_frame, source_hash, write_frame
from oatmill.study import Definitions, Study, read_study, settings_of
from oatmill.tables import Table
from oatmill.text import _, use_language

if TYPE_CHECKING:
    import pandas as pd

    from oatmill.cohort import Cohort
    from oatmill.episodes import SiteCalendar
    from oatmill.intake import Intake
    from oatmill.rules import Log

# The definitions that the intake reads; the others do not make it run again.
_INTAKE_DEFINITIONS = (
    "blank_dose", "exact_duplicates", "dose_is_total", "data_cut", "medication", "programme_start", "plausible_dose_mg",
    "take_home_policy_days",
)  # fmt: skip


def open_study(study_file: str | Path | None = None, *, choices: Sequence[str] = (), **knobs: Any) -> Session:
    """Open a study in a notebook.

    Parameters
    ----------
    study_file : a study file or its folder; None means the demo study
    choices : names of the notebook's own parameters, which change no definition
    knobs : definitions to change for this notebook only, as `gap_days=14`; None leaves the study file's value

    Raises
    ------
    ParameterUnknown : Papermill injected a parameter that the notebook does not have
    StudyMissing, StudyNotYaml, StudyInvalid
    """
    _refuse_unknown_parameters(("study_file", *choices, *knobs))
    changes = run_settings().get("changes", {})
    turned = {f"definitions.{name}": value for name, value in knobs.items() if value is not None}
    if run_settings() and turned:
        raise ParameterUnknown(
            _("A report takes its definitions from the study file, not from the parameters of a notebook."),
            cure=_(
                "Set the notebook's parameters back to None, and put {names} into the study file or use --set.",
                names=", ".join(turned),
            ),
        )
    study = read_study(study_file or bundle() / "data" / "demo", changes | turned)
    use_language(study.language)
    session = Session(study, Page.current(study.id), turned)
    session.show_banners()
    return session


def _refuse_unknown_parameters(known: Sequence[str]) -> None:
    for name in _injected_names():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = _("Did you mean `{name}`?", name=close[0]) if close else ""
            text = _("This notebook has no parameter `{name}`.", name=name)
            raise ParameterUnknown(
                " ".join(filter(None, [text, hint])), cure=_("Use one of: {names}.", names=", ".join(known))
            )


def _injected_names() -> list[str]:
    """The names that Papermill's injected cell assigned (it starts with the comment `# Parameters`)."""
    try:
        from IPython import get_ipython
    except ImportError:
        return []
    shell = get_ipython()
    cells = [cell for cell in (shell.user_ns.get("_ih", []) if shell else []) if cell.startswith("# Parameters\n")]
    if not cells:
        return []
    targets = [node.targets for node in ast.parse(cells[-1]).body if isinstance(node, ast.Assign)]
    return [target.id for group in targets for target in group if isinstance(target, ast.Name)]


class Session:
    """An open study: its stations, built when they are first asked for, and the way to show results."""

    def __init__(self, study: Study, page: Page, turned: dict[str, Any] | None = None):
        self.study, self.page, self.turned = study, page, turned or {}
        self.store = Store(page.work)
        if study.databases and study.exports is None:
            from oatmill.intake.databases import fetch

            self.study = study = fetch(study, page.work)
        if study.generate:
            self.study = study.model_copy(update={"folder": self._generated()})

    @property
    def definitions(self) -> Definitions:
        return self.study.definitions

    @property
    def highest_plausible_dose_mg(self) -> float:
        """Of the study's medication."""
        return self.definitions.plausible_doses[self.definitions.medication]

    def with_gap(self, gap_days: int) -> Definitions:
        """The study's definitions with another gap."""
        return self.definitions.model_copy(update={"gap_days": gap_days})

    def has(self, table: str) -> bool:
        return table in self.study.sources

    @property
    def has_log(self) -> bool:
        """Whether there is a dosing log; without one treatment spells are as recorded."""
        return self.has("doses")

    @property
    def offers_causes(self) -> bool:
        """Whether exits may be analysed by cause: not while open episodes are censored at the data cut itself."""
        return self.has_reasons and not (self.has_log and self.definitions.open_episode_censoring == "cut")

    @property
    def has_reasons(self) -> bool:
        """Whether reasons of exits are recorded; without them every end is a dropout."""
        return self.has("exits") if self.has_log else "exit_reason" in self._spells

    @property
    def _clients(self) -> pd.DataFrame | None:
        return self.intake.tables.get("clients")

    @property
    def _spells(self) -> pd.DataFrame:
        if not self.has("episodes"):
            raise NotSupported(_("This study has neither a dosing log nor a table of treatment episodes."))
        return self.intake.tables["episodes"]

    @property
    def covariates(self) -> list[str]:
        """The study's covariates that its tables have."""
        tables = [self.intake.tables.get(name) for name in ("clients", "episodes")]
        present = [table for table in tables if table is not None]
        known = {column for table in present for column in table if table[column].notna().any()}
        known |= {"age"} if "birth_date_day" in known else set()
        return [name for name in self.study.covariates if name in known]

    # Stations, in the order of the data's path.

    def _generated(self) -> Path:
        from oatmill.synthetic import write_programme

        plan = self.study.generate
        if plan is None:
            raise NotSupported(_("The study file does not ask for generated data."))
        key = hash_text(plan.model_dump_json(), str(self.study.seed), source_hash("synthetic", "schema"))
        return self.store.folder_of("generated", key, lambda folder: write_programme(folder, plan, self.study.seed))

    @cached_property
    def intake_key(self) -> str:
        settings = settings_of(self.study)
        read = {name: settings["definitions"][name] for name in _INTAKE_DEFINITIONS}
        prints = Fingerprints(self.page.work)
        paths = [(table, *file) for table in sorted(self.study.sources) for file in self.study.paths_of(table).items()]
        files = [f"{table}:{name}:{prints.of(path)}" for table, name, path in paths if path.is_file()]
        # The checks name their rules in the study's language, so the language is a part of the key.
        modules = source_hash("intake", "schema", "errors", "source", "store", "study", "text", "session", "locale")
        named = json.dumps([settings["sources"], settings["checks"], read, self.study.language], sort_keys=True)
        return hash_text(*files, named, modules, lock_hash())

    @cached_property
    def intake(self) -> Intake:
        from oatmill.intake import read_tables
        from oatmill.intake.pseudonyms import read_key
        from oatmill.intake.saved import read_intake, write_intake

        def build(folder: Path) -> None:
            try:
                write_intake(read_tables(self.study, folder, key=read_key(self.page.work)), folder)
            except ValuesWrong as wrong:
                raise ValuesWrong(wrong.message, wrong.faults, cure=self._where_rejected(folder)) from None
            finally:  # the rows to be mended are there to see when the intake stops, too
                _replace_folder(folder / "rejected", self.page.work / "rejected")

        return read_intake(self.store.folder_of("intake", self.intake_key, build))

    def _where_rejected(self, folder: Path) -> str | None:
        if not any((folder / "rejected").glob("*.xlsx")):
            return None
        place = str(self.page.work / "rejected")
        return _("The rows are in a workbook for each file, with what is wrong, to be mended: {folder}", folder=place)

    @cached_property
    def calendar(self) -> SiteCalendar:
        from oatmill.episodes import build_calendar
        from oatmill.episodes.engines import other_engine

        with other_engine(self.study.engine, self.doses) as engine:
            return build_calendar(self.doses, self.intake.sites, self.definitions, self._opened(), engine=engine)

    @property
    def doses(self) -> Path:
        if self.intake.doses is None:
            raise NotSupported(_("This study has no dosing log."), cure=_("Add a `doses` source to the study file."))
        return self.intake.doses

    @property
    def data_cut(self) -> int:
        """C, in days since 1970-01-01."""
        return self.calendar.data_cut

    @property
    def exits(self) -> pd.DataFrame | None:
        """Recorded exits, where the study has them."""
        return self.intake.tables.get("exits")

    @property
    def log(self) -> Log:
        """The dosing log and the tables beside it, as rules for the end of an episode take them."""
        from oatmill.rules import Log

        tests = self.intake.tables.get("tests")
        return Log(self.doses, self.definitions, self.calendar, self._clients, self.exits, tests, self.study.engine)

    def episodes(self, gap_days: int | None = None, *, view: str | None = None) -> pd.DataFrame:
        """Treatment episodes by the gap rule; None: the study's own gap and view."""
        gap, seen = gap_days or self.definitions.gap_days, view or self.definitions.view
        name = f"episodes_{gap}" if seen == self.definitions.view else f"episodes_{gap}_{seen}"
        return self._frame(name, "episodes", lambda: self.log.episodes(gap, seen))

    def rule_episodes(self, rule: str) -> pd.DataFrame:
        """Treatment episodes by a published rule that is no plain gap (`d15of90`)."""
        from oatmill.rules import build_by_rule

        return self._frame(f"episodes_{rule}", "rules", lambda: build_by_rule(rule, self.log))

    def client_years(self) -> pd.DataFrame:
        """Client, year, and whether there was a dose in its December."""
        from oatmill.episodes.years import build_client_years

        return self._frame(
            "client_years", "episodes", lambda: build_client_years(self.doses, self.exits, self.calendar)
        )

    def _frame(self, name: str, station: str, build: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A station that is one frame."""
        folder = self.store.folder_of(
            name, self._key(station), lambda folder: write_frame(build(), folder / "frame.parquet")
        )
        return read_frame(folder / "frame.parquet")

    def cohort(
        self, gap_days: int | None = None, *, by_cause: bool = False, rule: str | None = None, view: str | None = None
    ) -> Cohort:
        """Starters' first episodes with their outcome and covariates, and the attrition on the way there.

        `by_cause` assesses ends late enough for every reason to be known; it is refused under
        `open_episode_censoring: cut`. `rule` names a published rule that is no plain gap, `view` another view.
        """
        from oatmill.cohort import add_covariates, build_cohort, build_cohort_from_episodes
        from oatmill.definitions import definition_of
        from oatmill.rules import definitions_under

        if not self.has_log:
            return add_covariates(build_cohort_from_episodes(self._spells, self.definitions), self._clients)
        if rule is None:
            definitions = self.with_gap(gap_days) if gap_days else self.definitions
            episodes = self.episodes(gap_days, view=view)
        else:
            definitions = definitions_under(definition_of(rule), self.definitions)
            episodes = self.rule_episodes(rule)
        return build_cohort(episodes, self._clients, definitions, self.calendar, by_cause=by_cause, ends=rule or "")

    def intervals(self) -> Path:
        """Runs of equal lagged dose of the cohort, (start, stop], on disk."""
        from oatmill.intervals import build_intervals

        def build(folder: Path) -> None:
            build_intervals(
                self.doses,
                self.cohort(by_cause=self.has_reasons).frame,
                definitions=self.definitions,
                exits=self.intake.tables.get("exits"),
                to=folder / "intervals.parquet",
            )

        return self.store.folder_of("intervals", self._key("intervals"), build) / "intervals.parquet"

    def build_stations(self) -> None:
        """Build every station that this study's data support."""
        if self.intake.doses is not None:
            self.episodes()
            self.episodes(self.definitions.co_primary_gap_days)
            self._build_for_definitions()
            if self.offers_causes or not self.has_reasons:
                self.intervals()
        self.store.prune()

    def _build_for_definitions(self) -> None:
        """What the definitions of retention need beside the study's own episodes."""
        from oatmill.definitions import OTHER_RULES, definition_of

        self.episodes(definition_of("gap8").gap_days)
        self.episodes(view="programme")
        self.client_years()
        for rule in OTHER_RULES:
            with contextlib.suppress(NotSupported):  # the page says what it lacks
                self.rule_episodes(rule)

    def _opened(self) -> dict[str, int]:
        sites = self.intake.tables.get("sites")
        if sites is None or "opened_day" not in sites:
            return {}
        known = sites.dropna(subset=["opened_day"])
        return dict(zip(known["site_id"], known["opened_day"].astype(int), strict=True))

    def _key(self, station: str) -> str:
        path = ("episodes", "definitions", "rules", "cohort", "intervals")
        modules = source_hash(*path[: path.index(station) + 1])
        settings = settings_of(self.study)
        read = {name: settings[name] for name in ("definitions", "engine")}
        return hash_text(self.intake_key, json.dumps(read, sort_keys=True), modules)

    # Showing.

    def release(self, result: Result) -> Released:
        """Release a Result, and file it when the notebook belongs to a report run."""
        disclosure = self.study.disclosure
        lifted = disclosure.lifted.get(result.output, ())
        released = release(result, disclosure.profile, self.page.plan, lifted)
        self.page.file(result, released)
        return released

    def show(self, *things: Plot | Note | Table | Sequence[str]) -> None:
        """Show figures, tables and key findings (a list of sentences)."""
        for thing in things:
            if isinstance(thing, Table):
                self.page.show_table(thing)
            elif isinstance(thing, Plot):
                self.page.show_plot(thing)
            elif isinstance(thing, Note):
                self.page.show_note(thing.text)
            else:
                self.page.show_findings(thing)

    def show_unsupported(self) -> None:
        """Say, under a heading that stands in every report, that there is nothing to put there."""
        self.page.show_note(_("The data or the settings of this study do not support this part."))

    def show_sentences(self, sentences: Sequence[str]) -> None:
        """Show sentences that the settings of the study decide, one paragraph each."""
        for sentence in sentences:
            self.page.show_note(sentence)

    def add_cards(self, cards: Sequence[tuple[str, str, str]]) -> None:
        """Offer key numbers (label, value, note) for the landing page."""
        self.page.add_cards(cards)

    def show_banners(self) -> None:
        """Say on a page opened by hand what the book says on each of its own pages, and which knobs were turned."""
        if self.page.stage is not None:
            return
        if PROFILES[self.study.disclosure.profile].internal:
            self.page.show_banner(_("Not for publication: this report shows exact counts."))
        if self.turned:
            names = ", ".join(sorted(name.removeprefix("definitions.") for name in self.turned))
            text = _("Changed by hand in this notebook: {names}. These are not the report's numbers.", names=names)
            self.page.show_banner(text)

    def show_synthetic(self) -> None:
        """Label a page that shows invented clients."""
        if self.study.synthetic:
            self.page.show_banner(_("Synthetic data: invented clients, made by a generator whose truth is known."))


def _replace_folder(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        shutil.move(source, target)
