"""The page of messages: what the intake can say, what brings it about, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oatmill.book import markup
from oatmill.errors import EXIT_CODES
from oatmill.intake.messages import Example, ListedCheck, Message, all_row_rules, read_messages
from oatmill.intake.rows import UNIQUE
from oatmill.intake.rules import Rule
from oatmill.text import _

_ALL = "every table"  # as messages.toml writes it


def messages_page() -> str:
    """Every message by stage, then every check by table, then what each check means."""
    messages, checks = read_messages()
    parts = [f"# {_('Messages and checks')}\n", _lead() + "\n"]
    for stage, title in _stages().items():
        parts.append(f"## {title}\n")
        parts += [_message(message) for message in messages if message.stage == stage]
    parts += [f"## {_('Checks of the data')}\n", _about_checks() + "\n", *_check_tables(checks)]
    parts.append(f"## {_('What each check means, and what to do')}\n")
    parts += [_meaning(check) for check in checks]
    return "\n".join(parts)


def _lead() -> str:
    return " ".join(
        [
            _("Everything that reading the data can say, with an example and what to do. All values are invented."),
            _("In the program's own words a name in braces stands for what it found."),
            _("The exit code is what the command hands back to a script."),
        ]
    )


def _stages() -> dict[str, str]:
    return {
        "study": _("The study file"),
        "files": _("Files"),
        "archives": _("Archives and passwords"),
        "workbooks": _("Workbooks"),
        "databases": _("Databases and data frames"),
        "columns": _("Columns"),
        "cells": _("Cells"),
        "rows": _("Rows and tables"),
        "init": _("Doubts of a proposed study file"),
    }


def _message(message: Message) -> str:
    parts = [f"(message-{message.id})=\n### {markup.prose(_(message.text))}\n", *_example(message.example)]
    parts += [f"**{_('What to do')}**: {markup.prose(_(message.cure))}\n", _codes(message) + "\n"]
    return "\n".join(parts)


def _codes(message: Message) -> str:
    told = [f"{code} ({_(EXIT_CODES[code]).rstrip('.')})" for code in message.codes]
    if not told:
        return _("A note in the proposed study file; the command goes on.")
    return _("Exit code: {codes}", codes=markup.prose("; ".join(told)))


def _example(example: Example) -> Iterator[str]:
    """The files of the example, and the lines of the study file where they say more than the names of the files."""
    if example.words:
        yield f"**{_('Example')}**: {markup.plain(_(example.words))}\n"
    for name, text in example.files.items():
        yield _("File {name}:", name=markup.code(name)) + "\n"
        yield markup.block(text)
    if example.study:
        yield _("In the study file:") + "\n"
        yield markup.block(example.study, "yaml")


def _about_checks() -> str:
    words = {
        "stop": _("the command stops and names the rows"),
        "quarantine": _("the row is set aside in the workbook of rejected rows, with the reason, and counted"),
        "warn": _("counted, nothing is changed"),
    }
    lines = [f"- {markup.code(severity)}: {meaning}" for severity, meaning in words.items()]
    how = _(
        "Another severity is chosen under `checks:` in the study file, as in `checks: {doses.unreadable_date: quarantine}`, "
        "among those in brackets; where there are none, it cannot be changed. A check of a column is there where the file has "
        "the column."
    )
    return "\n".join([*lines, "", markup.prose(how)])


def _check_tables(checks: Sequence[ListedCheck]) -> Iterator[str]:
    header = [_("Check"), _("Rule"), _("Severity"), _("Cure")]
    yield f"### {_('every table')}\n"
    yield markup.table(header, [_fixed(check, check.id, "", check.texts) for check in checks if _ALL in check.tables])
    for table, rules in all_row_rules().items():
        rows = [
            _of_row(check, table, rule) for rule in rules for check in checks if check.of_rows and check.covers(rule.id)
        ]
        rows += [_of_table(check, table) for check in checks if table in check.tables]
        yield f"### {table}\n"
        yield markup.table(header, rows)


def _of_row(check: ListedCheck, table: str, rule: Rule) -> list[str]:
    others = ", ".join(markup.code(severity) for severity in rule.allowed if severity != rule.severity)
    severity = markup.code(rule.severity)
    chosen = _("{severity} (or {others})", severity=severity, others=others) if others else severity
    words = _(check.rule) if check.rule else rule.words
    return [markup.code(f"{table}.{rule.id}"), markup.prose(words), chosen, _link(check)]


def _of_table(check: ListedCheck, table: str) -> list[str]:
    """A check of several tables has one rule for each, or one for all."""
    several = len(check.texts) == len(check.tables) > 1
    texts = [check.texts[check.tables.index(table)]] if several else check.texts
    key = UNIQUE.get(table, "")
    return _fixed(check, f"{table}.{check.id.replace('*', key)}", key, texts)


def _fixed(check: ListedCheck, name: str, key: str, texts: Sequence[str]) -> list[str]:
    """A check whose severity is always the same."""
    words = _("; or ").join(map(_, texts)).replace("{key}", key)
    return [markup.code(name), markup.prose(words), markup.code(check.severity or ""), _link(check)]


def _link(check: ListedCheck) -> str:
    return f"[{_('what to do')}](#{_anchor(check)})"


def _anchor(check: ListedCheck) -> str:
    return f"check-{check.id.replace('_*', '').replace('_', '-')}"


def _meaning(check: ListedCheck) -> str:
    parts = [f"({_anchor(check)})=\n### {markup.code(check.id)}\n", *_example(check.example)]
    return "\n".join([*parts, f"**{_('What to do')}**: {markup.prose(_(check.cure))}\n"])
