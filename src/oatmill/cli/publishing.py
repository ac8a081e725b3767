"""publish: note that a report is published, list what was, withdraw what nobody has seen."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from oatmill.cli.commands import align
from oatmill.run import Console
from oatmill.text import _, integer

if TYPE_CHECKING:
    from oatmill.run.publish import Published
    from oatmill.run.switch import Places

say = Console().say


def publish(words: argparse.Namespace) -> int:
    from oatmill.run.publish import find_report, publish_report, withdraw_release

    places = find_report(words.report, words.out)
    if words.list:
        lines = _list(places)
    elif words.withdraw is not None:
        withdraw_release(places, words.withdraw, wait=words.wait)
        lines = _withdrawn(words.withdraw)
    else:
        lines = _published(publish_report(places, words.name, wait=words.wait))
    for line in lines:
        say(line)
    return 0


def _published(made: Published) -> list[str]:
    about = made.about
    lines = [_("Published as {name}; nothing was sent anywhere.", name=about.name)]
    counted = {name: integer(getattr(about, name)) for name in ("counts", "kept", "changed", "new")}
    if made.before is None:
        lines.append(_("Counts: {counts}.", counts=counted["counts"]))
    else:
        told = _("Counts: {counts} (value kept: {kept}, value changed: {changed}, new: {new}).", **counted)
        lines.append(told)
    if made.settings:
        names = ", ".join(made.settings)
        lines.append(_("Set otherwise than in {name}: {names}. Say so to readers.", name=made.before, names=names))
    return [
        *lines,
        "",
        _("May be put online, whole or in parts: {path}", path=str(made.report)),
        _("Must never leave you, and must not be lost: {path}", path=str(made.work)),
        _("The next report needs its folder releases to give readers the same numbers again."),
    ]


def _list(places: Places) -> list[str]:
    from oatmill.run.releases import list_releases

    releases = list_releases(places.work)
    if not releases:
        return [_("Nothing was published of {id} yet.", id=places.id)]
    names = ("counts", "kept", "changed", "new")
    rows = [[each.name, each.made, *(integer(getattr(each, name)) for name in names)] for each in releases]
    header = [_("Release"), _("Published"), _("Counts"), _("value kept"), _("value changed"), _("new")]
    return align(header, rows)


def _withdrawn(name: str) -> list[str]:
    return [
        _("{name} is no release any more. The next report is made without heed to it.", name=name),
        _("If anybody outside has seen it, comparing it with the next release may reveal clients."),
        _("Now make the report again: oatmill report"),
    ]
