"""Result -> Released: the only door from results to tables, figures and files.

A release is a decision on the whole book: `release` applies the rules that need one Result and the plan that
`plan_release` made from all of them. It fails closed: a kind of result without a rule is refused.

keys       who is counted: one key per count, wherever in the book it stands
plan       what the book as a whole needs: counts in wider classes, withheld, or kept from an earlier release
released   Released: numbers that may be shown
rules      what each kind of result needs before it may be shown
book       all counts of a book as a reader sees them, and how they add up
worlds     which true counts are still possible for somebody who reads everything
releases   published releases: what readers have seen, and what keeps its value
comparing  what readers know who compare two releases
planning   the plan, from all Results and the last published release
"""

from __future__ import annotations

from collections.abc import Sequence

from oatmill.disclosure.keys import all_keys, whole_of
from oatmill.disclosure.plan import Plan, Rounding
from oatmill.disclosure.planning import Officer, build_release, plan_release
from oatmill.disclosure.released import DOOR, RELEASED_COLUMNS, Released, cell_of
from oatmill.disclosure.releases import Release
from oatmill.disclosure.rules import released_frame
from oatmill.errors import DisclosureRefused
from oatmill.profiles import PROFILES, Profile, Threshold
from oatmill.results import Result
from oatmill.text import _

__all__ = [
    "RELEASED_COLUMNS",
    "Officer",
    "Plan",
    "Release",
    "Released",
    "build_release",
    "cell_of",
    "plan_release",
    "release",
    "shown_differently",
]

_NO_PLAN = Plan()


def release(result: Result, profile: str, plan: Plan = _NO_PLAN, lifted: Sequence[Threshold] = ()) -> Released:
    """Apply the profile and the plan to one Result.

    Parameters
    ----------
    profile : name of a disclosure profile
    plan : what the book as a whole needs
    lifted : thresholds that an officer named in the study file has lifted for this output

    Raises
    ------
    DisclosureRefused
        for an unknown profile, a kind of result without a rule, a regression that does not say its size, or a
        derived result without its sources
    """
    if profile not in PROFILES:
        raise DisclosureRefused(_("There is no disclosure profile of this name."))
    rules = PROFILES[profile]
    frame = released_frame(result, Rounding(rules.without(*lifted), plan))
    notes = () if result.public else (_(rules.note), *_wider_note(result, plan), *_kept_note(result, plan, rules))
    return Released(result.output, result.kind, frame[list(RELEASED_COLUMNS)], profile, notes, DOOR)


def _wider_note(result: Result, plan: Plan) -> list[str]:
    if not plan.widened or not any(whole_of(key) in plan.widened for key in all_keys(result)):
        return []
    return [_("Some counts are shown in a wider class, because they would give others away; the data file says which.")]


def _kept_note(result: Result, plan: Plan, rules: Profile) -> list[str]:
    if not plan.kept or not any(key in plan.kept for key in all_keys(result)):
        return []
    return [
        _(
            "A count that has moved by less than {n} since its value was first published keeps that value, so that the "
            "difference of two reports reveals nobody.",
            n=rules.kept_until_moved,
        )
    ]


def shown_differently(result: Result, before: Plan, after: Plan) -> bool:
    """Whether two plans show any number of this Result in two ways."""
    changed = {key for key in before.keys() | after.keys() if before.entry(key) != after.entry(key)}
    keys = all_keys(result) if changed and not result.public else set()
    return any(key in changed or whole_of(key) in changed for key in keys)
