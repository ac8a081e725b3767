"""The worked example of every definition, run through the code that makes the report. The examples stand in the registry."""

from __future__ import annotations

import pytest
from helpers.examples import DrawnStudy, episodes_in_words, measure_in_words, shown_by

from oatmill.definitions import COMPUTED, DEFINITIONS, GAP_RULES, Example, function_of

RULES = [DEFINITIONS[name] for name in GAP_RULES]
MEASURES = [entry for entry in DEFINITIONS.values() if entry.id not in GAP_RULES]


def study_of(entry, tmp_path):
    return DrawnStudy(entry.example, tmp_path)


@pytest.mark.parametrize("entry", DEFINITIONS.values(), ids=lambda entry: entry.id)
def test_every_definition_has_an_example(entry):
    assert isinstance(entry.example, Example)
    assert entry.example.log
    assert all(entry.example.expected)
    assert entry.example.why.endswith(".")


@pytest.mark.parametrize("name", COMPUTED)
def test_every_computed_definition_has_its_function(name):
    assert callable(function_of(name))


@pytest.mark.parametrize("entry", RULES, ids=lambda entry: entry.id)
def test_episodes_of_the_example(entry, tmp_path):
    assert episodes_in_words(study_of(entry, tmp_path), entry.id) == entry.example.expected


@pytest.mark.parametrize("entry", MEASURES, ids=lambda entry: entry.id)
def test_measure_of_the_example(entry, tmp_path):
    shown = shown_by(entry.id, study_of(entry, tmp_path))
    assert measure_in_words(shown[0]) == entry.example.expected
