"""The attacker knows the published algorithm, and asks which books would have been published just like this one.

A count in a wider class tells that something made the plan widen it. Books that differ only in a total that lies
farther from its parts must look alike, or the width tells how near it lies.
"""

from __future__ import annotations

from helpers.published import planned, published_rows

from oatmill.results import Result, counts, sums_by


def look(*parts: int) -> list[str]:
    """All that readers see of a book in which these parts make up their population."""
    frame = counts(dict(zip("abcde", parts, strict=False)), estimand="clients", group="g", population="p", n=sum(parts))
    result = Result("parts", "counts", frame, sums=sums_by(frame, ["group"], "estimate"))
    rows = published_rows([result], "midpoint6", planned([result], "midpoint6"))
    return [f"{row['estimate']} of {row['n']} {row['reason']}" for row in rows]


def test_six_clients_in_five_parts_look_like_twelve():
    """Both totals are shown in the class 1-12."""
    assert look(1, 1, 1, 1, 2) == look(3, 3, 2, 2, 2)


def test_the_width_of_a_total_does_not_tell_that_it_is_small():
    """Parts of 1-6 (four) and 7-12 are at least 11: in the class 1-24, because a total of 11-12 would tell.

    Were 13-18 shown as 15, whoever sees the class of 24 would know that the total is 11 or 12, and each small part 1
    or 2. So one of 13 is in the class 1-24 as well.
    """
    assert look(1, 1, 1, 1, 7) == look(1, 1, 1, 3, 7)
