"""The study file names the engine: the demo study, from its files to its episodes, once with each."""

from __future__ import annotations

import pandas as pd
import pytest
from helpers.spells import IBIS_WARNS

from oatmill.definitions import GAP_GRID
from oatmill.pages import Page
from oatmill.session import Session
from oatmill.store import bundle
from oatmill.study import read_study

pytestmark = [pytest.mark.ibis, pytest.mark.filterwarnings(IBIS_WARNS)]

SMALL = {"generate.clients": 400, "generate.sites": 5, "generate.years": 2}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory) -> dict[str, Session]:
    """One work folder for all, as where a user tries another engine on the same study."""
    page = Page(tmp_path_factory.mktemp("demo") / "work")
    demo = bundle() / "data" / "demo"
    return {name: Session(read_study(demo, SMALL | {"engine": name}), page) for name in ("builtin", "duckdb")}


@pytest.mark.parametrize("view", ["any_oat", "programme"])
@pytest.mark.parametrize("gap", GAP_GRID)
def test_episodes_of_the_demo(sessions, gap, view):
    built_in = sessions["builtin"].episodes(gap, view=view)
    assert built_in["exit_reason"].nunique() >= 3 and built_in["open"].any()
    pd.testing.assert_frame_equal(sessions["duckdb"].episodes(gap, view=view), built_in)


def test_another_engine_does_the_work_again(sessions):
    """Otherwise a comparison of the two would compare a file with itself."""
    for session in sessions.values():
        session.episodes()
    built_in, duckdb = (session.store.used for session in sessions.values())
    assert {name for name in built_in & duckdb if name.startswith("episodes_")} == set()
