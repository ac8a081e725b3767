"""The registry of retention definitions."""

from __future__ import annotations

import pytest

from oatmill.definitions import COMPUTED, DEFINITIONS, GAP_RULES, RETENTION_MEASURES, definition_of, gap_rule_of
from oatmill.errors import StudyInvalid


def test_every_published_rule_is_there():
    rules = "gap7 gap8 gap14 gap28 gap30 d15of90 ctn4w"
    assert tuple(rules.split()) == GAP_RULES
    measures = "ret_km ret_km_net ret_cif ret_fixed ret_on_oat ret_programme nqf180 december kp_mat6"
    assert tuple(measures.split()) == RETENTION_MEASURES
    assert set(DEFINITIONS) == set(COMPUTED)


@pytest.mark.parametrize("entry", DEFINITIONS.values(), ids=str)
def test_every_entry_is_complete(entry):
    assert entry.rule.endswith(".")
    assert entry.formula
    assert entry.kind != "retention" or entry.beware


@pytest.mark.parametrize("entry", [e for e in DEFINITIONS.values() if e.gap_days], ids=lambda e: e.id)
def test_a_gap_rule_says_its_own_number(entry):
    assert entry.formula == f"next - last > {entry.gap_days}"
    assert f"at {entry.gap_days} or more" in entry.rule
    assert gap_rule_of(entry.gap_days) is entry


def test_a_misspelt_name_is_refused_with_the_nearest():
    with pytest.raises(StudyInvalid) as caught:
        definition_of("ret_km_nett")
    assert caught.value.faults[0].found == "`ret_km_nett`"
    assert caught.value.faults[0].expected.startswith("did you mean `ret_km_net`?")
    with pytest.raises(StudyInvalid) as caught:
        definition_of("gap9", among=("gap7", "gap30"))
    assert caught.value.faults[0].expected.startswith("did you mean `gap7`?")
    with pytest.raises(StudyInvalid) as caught:
        definition_of("zzzz", among=("gap7", "gap30"))
    assert caught.value.faults[0].expected == "gap7, gap30"
    assert gap_rule_of(9) is None
