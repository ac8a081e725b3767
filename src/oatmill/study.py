"""The study file (`study.yaml`) read into a frozen, validated `Study`.

Unknown keys and misspelt values are refused with the line and the nearest valid name, all at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from oatmill.engine import BUILTIN, Engine
from oatmill.errors import Fault, StudyInvalid, StudyMissing, StudyNotYaml
from oatmill.profiles import PROFILES, Threshold
from oatmill.schema import DOSE_MEANINGS, MEDICATIONS, PLAUSIBLE_DOSE_MG, TABLES
from oatmill.source import Frozen, Misspelt, Source, find_files
from oatmill.text import LANGUAGES, _, visible

FORMAT = 1
LARGEST_FILE = 1 << 20  # bytes of a study file
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")  # no file and no file name can hold these
WINDOWS_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(1, 10))}


Severity = Literal["stop", "quarantine", "warn"]


class Definitions(Frozen):
    """Settings of the definitions; DEFINITIONS of the methods page gives each in words."""

    gap_days: int = Field(30, ge=1, le=365, description="an episode ends at this many consecutive dose-free days")
    co_primary_gap_days: int = Field(7, ge=1, le=365)
    view: Literal["any_oat", "programme"] = "any_oat"
    data_cut: dt.date | None = Field(None, description="last day with complete logs; None: last day in the log")
    open_episode_censoring: Literal["cut_minus_gap", "cut"] = "cut_minus_gap"
    follow_up_days: int | None = Field(None, ge=1, description="H: only days 1..H of the episode are looked at")
    look_ahead: bool = False
    washout_days: int | None = Field(None, ge=0, description="None: the gap")
    prior_treatment: Literal["none", "unknown"] = "unknown"
    exit_link_days: int = Field(30, ge=0)
    horizons: tuple[int, ...] = (30, 90, 180, 365)
    blank_dose: Literal["stop", "covered", "not_covered"] = "stop"
    exact_duplicates: Literal["quarantine", "sum"] = "quarantine"
    dose_is_total: bool = False
    deaths: Literal["linked", "on_treatment_only"] | None = None
    death_linkage_date: dt.date | None = None
    programme_start: dt.date | None = Field(None, description="the programme's first day: nothing can be earlier")
    plausible_dose_mg: dict[Literal[MEDICATIONS], float] = Field(  # type: ignore[valid-type]
        default_factory=dict, description="medication: the highest daily dose in mg that can be right"
    )
    take_home_policy_days: int | None = Field(None, ge=0, description="most days that may be taken home")
    closing_weekdays: tuple[int, ...] = Field((), description="days the sites are closed, Monday = 0")
    medication: Literal[MEDICATIONS] = "methadone"  # type: ignore[valid-type]
    dose_meaning: Literal[DOSE_MEANINGS] | None = None  # type: ignore[valid-type]
    lag_days: int = Field(14, ge=0)
    stabilisation_days: int = Field(28, ge=0)
    dose_reference_mg: float = Field(60, gt=0)
    dose_unit_mg: float = Field(10, gt=0)

    @field_validator("horizons")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(t < 1 for t in value) or list(value) != sorted(set(value)):
            raise ValueError("rising days of 1 or more")
        return value

    @property
    def plausible_doses(self) -> dict[str, float]:
        """Medication -> the highest daily dose in mg that can be right: the study's own, else the schema's."""
        return {name: self.plausible_dose_mg.get(name, most) for name, most in PLAUSIBLE_DOSE_MG.items()}

    @property
    def washout(self) -> int:
        return self.gap_days if self.washout_days is None else self.washout_days


class DisclosureException(Frozen):
    """Thresholds that a named person lifts for one output, and why; printed on the provenance page."""

    output: str
    lift: tuple[Threshold, ...] = Field(min_length=1)
    approved_by: str = Field(min_length=3, description="name and office of who answers for it")
    reason: str = Field(min_length=10)


class Disclosure(Frozen):
    """Which profile guards what is published."""

    profile: str = "midpoint6"
    exceptions: tuple[DisclosureException, ...] = ()

    @property
    def lifted(self) -> dict[str, tuple[Threshold, ...]]:
        """The thresholds that are lifted, by output."""
        return {each.output: each.lift for each in self.exceptions}

    @field_validator("profile")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"one of {', '.join(PROFILES)}")
        return value


class Generate(Frozen):
    """A study whose files are made by the synthetic generator instead of being supplied."""

    clients: int = Field(3000, ge=50)
    sites: int = Field(12, ge=1, le=2000)
    years: int = Field(4, ge=1, le=30)
    start: dt.date = dt.date(2016, 1, 1)


class Study(Frozen):
    """A study: where its data are, which definitions hold, how it may be published.

    `folder` is the folder of the study file; paths in the file are relative to it.
    """

    oatmill: Literal[1]
    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="lower-case letters, digits and hyphens, at most 40")
    title: str
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    language: Literal[LANGUAGES] = "en"  # type: ignore[valid-type]
    programme_name: str = Field("", description="how the programme is called in sentences")
    sources: dict[Literal[tuple(TABLES)], Source] = Field(default_factory=dict)  # type: ignore[valid-type]
    definitions: Definitions = Definitions()
    checks: dict[str, Severity] = Field(default_factory=dict, description="table.check: stop, quarantine or warn")
    covariates: tuple[str, ...] = ("sex", "age")
    disclosure: Disclosure = Disclosure()
    seed: int = Field(20240101, ge=0)
    engine: Engine = BUILTIN
    generate: Generate | None = None
    folder: Path = Field(Path(), exclude=True)
    exports: Path | None = Field(None, exclude=True, description="folder of what was read from databases")

    @field_validator("title", "subtitle", "programme_name")
    @classmethod
    def _seen(cls, value: str) -> str:
        return visible(value)

    @field_validator("authors")
    @classmethod
    def _seen_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(visible, value))

    @field_validator("id")
    @classmethod
    def _no_reserved(cls, value: str) -> str:
        if value in WINDOWS_RESERVED:
            raise ValueError("a name that Windows does not reserve")
        return value

    @model_validator(mode="after")
    def _columns_exist(self) -> Study:
        for table, source in self.sources.items():
            known = TABLES[table].names
            for key in ("columns", "codes", "constants", "date_formats"):
                for column in getattr(source, key):
                    if column not in known:
                        raise Misspelt(("sources", table, key, column), known)
        allowed = [name for name in TABLES["clients"].names if name != "client_id"]
        for position, covariate in enumerate(self.covariates):
            if covariate not in allowed:
                raise Misspelt(("covariates", position), allowed, found=covariate)
        return self

    @property
    def synthetic(self) -> bool:
        """Whether any confidential table holds invented clients (every page that uses it says so)."""
        return any(source.synthetic for source in self.sources.values())

    def paths_of(self, table: str) -> dict[str, Path]:
        """The files of a table by name; for one of a database, what was read from it."""
        source = self.sources[table]
        if source.url_from:
            return {source.name: (self.exports or self.folder / "databases") / f"{table}.csv"}
        return find_files(source.file, self.folder)

    @property
    def databases(self) -> dict[str, Source]:
        """The sources that are read from a database."""
        return {table: source for table, source in self.sources.items() if source.url_from}


def read_study(path: Path | str, changes: Mapping[str, Any] | None = None) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : the file, or a folder that holds a `study.yaml`
    changes : dotted key -> value, as `{"definitions.gap_days": 14}`; they overrule the file

    Raises
    ------
    StudyMissing, StudyNotYaml, StudyInvalid
    """
    file = _find(Path(path))
    tree, lines = _load(file)
    for key, value in (changes or {}).items():
        _set(tree, key.split("."), value)
    if inner := {"folder", "exports"} & tree.keys():  # fields of the model, never keys of the file
        name = min(inner)
        fault = Fault(_("unknown name"), file=file.name, row=lines.get((name,)), found=f"`{name}`")
        raise StudyInvalid(_("The study file {file} cannot be used as it is.", file=file.name), [fault])
    try:
        study = Study.model_validate(tree)
    except ValidationError as error:
        faults = [_fault(problem, lines, file) for problem in error.errors()]
        raise StudyInvalid(_("The study file {file} cannot be used as it is.", file=file.name), faults) from None
    return study.model_copy(update={"folder": file.parent.resolve()})


def settings_of(study: Study) -> dict[str, Any]:
    """Every setting of the study as plain JSON values (for keys, the manifest and the methods page)."""
    return json.loads(study.model_dump_json())


def _find(path: Path) -> Path:
    file = path / "study.yaml" if path.is_dir() else path
    if not file.is_file():
        raise StudyMissing(
            _("There is no study file at {path}.", path=str(path)),
            cure=_("Name a folder that holds a study.yaml, or make one with: oatmill init FOLDER FILES"),
        )
    return file


class _Loader(yaml.SafeLoader):
    """Plain values only; no aliases, with which a short text can stand for an endless one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark
        alias = self.check_event(yaml.AliasEvent)
        node = None if alias else super().compose_node(parent, index)
        if alias or (isinstance(node, yaml.ScalarNode) and _UNWRITABLE.search(node.value)):
            raise yaml.composer.ComposerError(None, None, "not a plain value", mark)
        return node


def _load(file: Path) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """The file's content, and the line on which each key stands."""
    not_yaml = _("The study file {file} is not YAML.", file=file.name)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise StudyNotYaml(not_yaml, [Fault(_("it is larger than 1 MB"), file=file.name)])
        text = file.read_text(encoding="utf-8-sig")
        loader = _Loader(text)
        node = loader.get_single_node()
        tree = loader.construct_document(node) if node else None
    except UnicodeDecodeError:
        raise StudyNotYaml(not_yaml, cure=_("Save it as text in UTF-8.")) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date or number that cannot be
        mark = getattr(error, "problem_mark", None)
        fault = Fault(
            _("the text cannot be read as YAML"),
            file=file.name,
            row=mark.line + 1 if mark else None,
            expected=_("lines such as `key: value`, indented with spaces"),
        )
        raise StudyNotYaml(not_yaml, [fault]) from None
    if not isinstance(tree, dict) or node is None:
        raise StudyNotYaml(not_yaml, [Fault(_("there are no keys in it"), file=file.name, expected="oatmill: 1")])
    lines: dict[tuple[str | int, ...], int] = {}
    twice: list[Fault] = []
    _note_lines(node, (), lines, twice, file.name)
    if twice:
        raise StudyInvalid(_("The study file {file} cannot be used as it is.", file=file.name), twice)
    return tree, lines


def _note_lines(
    node: yaml.Node,
    place: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    twice: list[Fault],
    file: str,
) -> None:
    """Note the line of each key, and each key that stands twice (YAML itself would take the last one silently)."""
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            if inner in lines:
                twice.append(
                    Fault(_("the key `{key}` stands twice", key=key.value), file=file, row=key.start_mark.line + 1)
                )
            lines[inner] = key.start_mark.line + 1
            _note_lines(value, inner, lines, twice, file)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _note_lines(value, (*place, position), lines, twice, file)


def _set(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = tree.get(key)
        if inner is not None and not isinstance(inner, dict):
            raise StudyInvalid(
                _("`{key}` has no keys of its own, so `{name}` cannot be set.", key=key, name=".".join(keys))
            )
        if inner is None:
            tree[key] = {}
        tree = tree[key]
    tree[keys[-1]] = value


def _fault(problem: Any, lines: Mapping[tuple[str | int, ...], int], file: Path) -> Fault:
    place, known, found = tuple(problem["loc"]), [], None
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, Misspelt):
        place, known, found = cause.place, list(cause.known), cause.found
    elif problem["type"] == "extra_forbidden":
        known = _keys_at(place[:-1])
    elif problem["type"] == "literal_error" and place[-1:] == ("[key]",):
        place, known = place[:-1], list(TABLES)
    row = next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), None)
    key = ".".join(str(part) for part in place)
    if known:
        name = found or str(place[-1])
        return Fault(_("unknown name"), file=file.name, row=row, found=f"`{name}`", expected=_nearest(name, known))
    if problem["type"] == "missing":
        return Fault(_("the key `{key}` is missing", key=key), file=file.name, row=row)
    return Fault(
        _("the value of `{key}` is not allowed", key=key), file=file.name, row=row, expected=_expected(problem)
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    names = ", ".join(known)
    return _("did you mean `{name}`? (known: {names})", name=close[0], names=names) if close else names


def _expected(problem: Any) -> str:
    context = problem.get("ctx", {})
    if "error" in context:
        return str(context["error"])
    return str(problem["msg"]).removeprefix("Input should be ")


def _keys_at(place: tuple[str | int, ...]) -> list[str]:
    """The keys allowed at a place of the study file."""
    if place and place[0] == "sources" and len(place) == 2:
        return list(Source.model_fields)
    models: dict[tuple[str | int, ...], type[BaseModel]] = {
        (): Study,
        ("definitions",): Definitions,
        ("disclosure",): Disclosure,
        ("generate",): Generate,
        ("engine",): Engine,
    }
    model = models.get(place)
    return [name for name in model.model_fields if name != "folder"] if model else []
