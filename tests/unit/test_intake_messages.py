"""The list of messages: whole against the sources, and true where its examples can be run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from oatmill import intake
from oatmill.errors import EXIT_CODES, OatmillError
from oatmill.intake import read_tables
from oatmill.intake.messages import Example, ListedCheck, Message, all_row_rules, read_messages
from oatmill.study import Study

SOURCES = sorted(Path(intake.__file__).parent.rglob("*.py"))
MESSAGES, CHECKS = read_messages()
# What stands beside a message: what was found and expected, what to do, the columns of the rejected rows.
RAISED = {"Fault", *(kind.__name__ for kind in OatmillError.__subclasses__())}
PARTS = ("cure", "found", "expected")
FUNCTIONS_OF_PARTS = {
    "cells.py": {"_cure", "_codes_found", "describe", "expected"},
    "columns.py": {"_header"},
    "rejected.py": {"words_of", "_write"},
    "rules.py": {"unreadable_words", "_blank", "_dated", "_ends_before_start", "_implausible", "_implausible_dose",
                 "_outside", "_take_home", "_total_lines"},
    "text.py": {"_encoding_cure", "_whole_file_cure", "first_lines"},
    "postgres.py": {"_cure_address"},
}  # fmt: skip
LITTLE_PARTS = {
    " or ", "one row for each value of `{key}`",
    "Check the user and the password in {name}.", "Check the name of the database in {name}.",
    "too few cells", "too many cells", "a quotation mark that is not closed", "bytes that are not UTF-8 text",
}  # fmt: skip


def translated(tree: ast.AST, above: tuple[ast.AST, ...] = ()) -> Iterator[tuple[str, tuple[ast.AST, ...]]]:
    """Every text given to `_` or `ngettext`, with the nodes around it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
            first = node.args[0]
            assert isinstance(first, ast.Constant), f"line {node.lineno}: no text that a catalogue can hold"
            yield first.value, (*above, tree)
        yield from translated(node, (*above, tree))


def is_part(file: Path, text: str, around: tuple[ast.AST, ...]) -> bool:
    """Whether a text stands beside a message, by the nearest thing around it that tells."""
    for node in reversed(around):
        if isinstance(node, ast.keyword) and node.arg in PARTS:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
            return False
        if isinstance(node, ast.Assign) and {ast.unparse(target) for target in node.targets} & set(PARTS):
            return True
        if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS_OF_PARTS.get(file.name, set()):
            return True
    return text in LITTLE_PARTS


def messages_in(file: Path, source: str) -> list[str]:
    """A text whose part in a message is not known counts as a message."""
    return [text for text, around in translated(ast.parse(source)) if not is_part(file, text, around)]


def messages_in_the_code() -> dict[str, str]:
    """Text of a message -> the file that has it."""
    files = [file for file in SOURCES if file.name != "checks.py"]
    return {text: file.name for file in files for text in messages_in(file, file.read_text(encoding="utf-8"))}


def test_a_message_is_found_wherever_it_stands():
    source = """
found = Fault(_("in a fault"), found=_("part"), cure=_("part"))
what = ngettext("one", "several", n)
raise ValuesWrong(_("in an error"), faults, cure=_("part"))
told = {"kind": lambda: _("anywhere")}
cure = _("part {name}", name=_("a name"))
"""
    assert messages_in(Path("new.py"), source) == ["in a fault", "one", "in an error", "anywhere"]


def test_every_message_has_an_entry_and_every_entry_a_message():
    code, listed = messages_in_the_code(), {message.text for message in MESSAGES}
    lacking = {f"{file}: {text}" for text, file in code.items() if text not in listed}
    assert not lacking, "write them in messages.toml, with an example and the cure"
    assert not listed - set(code), "messages.toml has messages that the intake has no more"


def test_every_rule_of_a_check_has_an_entry_and_every_entry_a_rule():
    file = next(file for file in SOURCES if file.name == "checks.py")
    code = {text for text, _around in translated(ast.parse(file.read_text(encoding="utf-8")))}
    assert code == {text for check in CHECKS for text in check.texts}


def test_every_check_of_a_row_is_in_one_entry():
    families = [check for check in CHECKS if check.of_rows]
    rules = [rule for rules in all_row_rules().values() for rule in rules]
    for rule in rules:
        assert len([family for family in families if family.covers(rule.id)]) == 1, rule.id
    for family in families:
        assert any(family.covers(rule.id) for rule in rules), f"{family.id}: no such check any more"


def test_ids_texts_and_cures_are_each_written_once():
    for values in ([m.id for m in MESSAGES], [m.text for m in MESSAGES], [c.id for c in CHECKS]):
        assert len(values) == len(set(values))
    cures = [entry.cure for entry in (*MESSAGES, *CHECKS)]
    assert all(len(cure) > 40 and cure.endswith((".", "?")) for cure in cures)
    assert len(cures) == len(set(cures))


def test_every_entry_has_an_example_and_exit_codes_that_exist():
    for entry in (*MESSAGES, *CHECKS):
        assert bool(entry.example.files) != bool(entry.example.words), entry.id
    for message in MESSAGES:
        assert set(message.codes) <= set(EXIT_CODES), message.id
        assert message.codes or message.stage == "init", message.id


def run(example: Example, folder: Path) -> tuple[OatmillError | None, set[tuple[str, str]]]:
    """What the intake says of the example: its error, or the checks that met something."""
    for name, text in example.files.items():
        (folder / name).write_text(text, encoding=example.encoding)
    given = {"oatmill": 1, "id": "t", "title": "T", **yaml.safe_load(example.study_lines)}
    study = Study.model_validate(given).model_copy(update={"folder": folder})
    try:
        checks = read_tables(study, folder / "work").checks
    except OatmillError as error:
        return error, set()
    met = checks[checks["count"] > 0]
    return None, set(zip(met["check"], met["severity"], strict=True))


def wording(template: str) -> re.Pattern[str]:
    """The message with anything in its places."""
    parts = re.split(r"\{\w+\}", template)
    return re.compile(".+".join(map(re.escape, parts)))


def by_id(entry: Message | ListedCheck) -> str:
    return entry.id


@pytest.mark.parametrize("message", [m for m in MESSAGES if m.example.files], ids=by_id)
def test_the_example_brings_the_message(message, tmp_path):
    error, _met = run(message.example, tmp_path)
    assert error is not None, "the intake had nothing to say"
    said = [error.message, *(fault.what for fault in error.faults)]
    assert any(wording(message.text).fullmatch(text) for text in said), said
    assert error.exit_code in message.codes


@pytest.mark.parametrize("check", CHECKS, ids=by_id)
def test_the_example_meets_the_check(check, tmp_path):
    error, met = run(check.example, tmp_path)
    stops = check.severity == "stop" or check.id == "unreadable_*"
    if stops:
        assert error is not None and error.exit_code == 15
    else:
        assert error is None, error
        assert any(check.covers(name) and check.severity in (severity, None) for name, severity in met), met


def test_most_examples_can_be_run():
    assert len([m for m in MESSAGES if m.example.files]) >= 25
    assert all(check.example.files for check in CHECKS)


def test_no_example_holds_a_text_that_the_gate_would_take_for_a_client():
    """A client of a study could have the same identifier; the gate passes over short ones."""
    for entry in (*MESSAGES, *CHECKS):
        rows = [line for text in entry.example.files.values() for line in text.splitlines()[1:]]
        clients = {row.split(",")[0] for row in rows}
        assert all(len(client) < 6 for client in clients), entry.id
