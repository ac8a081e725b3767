"""A synthetic study whose people have names, telephones, passports, addresses and notes: thousands of planted canaries.

No canary occurs by chance: each holds a word of random letters or a number of nine digits or more. Short client
numbers could occur by chance; a report of the same people under other numbers tells whether they are in it.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from oatmill.study import Generate
from oatmill.synthetic import write_programme

LATIN, CYRILLIC, CHINESE = "bcdfghjklmnpqrstvwxz", "бвгджзклмнпрстфхцчшщ", "龘靐齉爩麤籲驫鱻厵灪"
TABLES = ("clients", "doses", "exits", "tests")
STUDY = """oatmill: 1
id: canaries
title: A programme with canaries
authors: [A. Author]
sources:
  clients: {file: clients.csv, synthetic: true}
  doses: {file: doses.csv, synthetic: true}
  exits: {file: exits.csv, synthetic: true}
  tests: {file: tests.csv, synthetic: true}
  sites: {file: sites.csv, synthetic: true}
definitions: {data_cut: 2017-12-31, deaths: linked, death_linkage_date: 2017-12-31}
covariates: [sex, age]
"""


@dataclass
class Canaries:
    """What was planted: `texts` anywhere, and the numbers of clients, which may be short."""

    seed: str
    texts: set[str] = field(default_factory=set)
    numbers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def word(self, letters: str, n: int = 9) -> str:
        return "".join(self.random.choices(letters, k=n))

    def digits(self, n: int) -> str:
        return str(self.random.randrange(10 ** (n - 1), 10**n))

    def plant(self, text: str) -> str:
        self.texts.add(text)
        return text

    def name(self) -> str:
        russian = f"{self.word(CYRILLIC).capitalize()} {self.word(CYRILLIC).capitalize()}"
        return self.plant(self.random.choice([russian, f"{self.word(LATIN).capitalize()} O'{self.word(LATIN)}"]))

    def person(self) -> dict[str, str]:
        """What a careless export has beside the columns that Oatmill reads, under headers that do not say so.

        A column that looks like names, telephones or passports is refused outright, so these only nearly do.
        """
        told = {
            "who": self.name(),
            "who_chinese": self.word(CHINESE, 8),
            "reached_at": f"996 {self.digits(3)} {self.digits(6)}",
            "person_number": f"3{self.digits(13)}",
            "document": f"PN{self.digits(7)}",
            "lives_at": f"ул. {self.word(CYRILLIC)}, {self.digits(2)}-{self.digits(2)}",
            "note": f"lives with {self.word(LATIN)} & {self.word(LATIN)}",
            "old_number": f"KG/{self.digits(4)}/{self.word(LATIN, 4)}",
        }
        return {column: self.plant(text) for column, text in told.items()}


def write_canary_study(folder: Path, source: Path, seed: str, number: Callable[[Canaries, int], list[str]]) -> Canaries:
    """Write the programme of `source` with other client numbers, personal columns and faulty rows.

    `number` draws the client numbers; they are given in rising order, so that two studies differ in nothing else.
    """
    folder.mkdir(parents=True)
    canaries = Canaries(seed)
    old = sorted({row["client_id"] for table in TABLES for row in _rows(source / f"{table}.csv")})
    canaries.numbers = sorted(number(canaries, len(old)), key=int)
    numbers = dict(zip(old, canaries.numbers, strict=True))
    people = {client: canaries.person() for client in old}
    for table in TABLES:
        _rewrite(source / f"{table}.csv", folder / f"{table}.csv", table, numbers, people, canaries)
    (folder / "sites.csv").write_bytes((source / "sites.csv").read_bytes())
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return canaries


def write_source(folder: Path) -> Path:
    write_programme(folder, Generate(clients=250, sites=3, years=2), 7)
    return folder


def _rewrite(source: Path, target: Path, table: str, numbers: dict, people: dict, canaries: Canaries) -> None:
    rows = list(_rows(source))
    for number, row in enumerate(rows):
        person = people[row["client_id"]]
        row["client_id"] = numbers[row["client_id"]]
        row.update(person if table == "clients" else {"who": person["who"]})
        if table == "doses":
            row["receipt"] = canaries.plant(f"R{number}{canaries.word(LATIN, 6)}")
    # Faulty rows: without a client, after the data cut, twice the same.
    for fault in ({"client_id": ""}, {"date": "2018-02-03"}, {}):
        twin = rows[len(rows) // 2] | fault
        if table != "clients" or fault == {"client_id": ""}:
            rows.append(twin | ({"who": canaries.name()} if fault else {}))
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)
