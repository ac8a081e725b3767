"""When an episode ends: the rules in use."""

from __future__ import annotations

from oatmill.definitions.entry import Definition, Example


def _edge(days: int) -> Example:
    """Both sides of the edge of a plain gap."""
    return Example(
        log=((1, f"D .*{days - 1} D"), (1, f"D .*{days} D"), (1, f"D*{3 * days}")),
        expected=(
            f"1-{days + 1} dropout",
            f"1-1 dropout | {days + 2}-{days + 2} dropout",
            f"1-{3 * days} open",
        ),
        why=(
            f"Between the two doses of the first client lie {days - 1} dose-free days, one too few; between those of the "
            f"second {days}. C is day {3 * days}, so that A = C - {days} is day {2 * days}, and the third is open."
        ),
        gap_days=days,
    )


EPISODE_RULES = (
    Definition(
        id="gap7",
        kind="gap",
        rule="An episode ends at 7 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 7",
        example=_edge(7),
        users="Nova Scotia; New South Wales (more than 6 days); Shanghai",
        beware="The New South Wales rule is still to be verified.",
        excerpt=True,
        gap_days=7,
        known_after_days=7,
    ),
    Definition(
        id="gap8",
        kind="gap",
        rule="An episode ends at 8 or more (more than 7) consecutive dose-free days, on its last covered day.",
        formula="next - last > 8",
        example=_edge(8),
        users="Ireland; China, protocol of 2006 (7 consecutive missed days are allowed)",
        sources=("cousins2017", "durand2020", "yin2010"),
        beware="One day more than gap7: doses on day 1 and day 9 are two episodes there and one here.",
        excerpt=True,
        gap_days=8,
        known_after_days=8,
    ),
    Definition(
        id="gap14",
        kind="gap",
        rule="An episode ends at 14 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 14",
        example=_edge(14),
        users="Ontario; the United States trial network",
        gap_days=14,
        known_after_days=14,
    ),
    Definition(
        id="gap28",
        kind="gap",
        rule="An episode ends at 28 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 28",
        example=_edge(28),
        users="CPRD prescriptions (United Kingdom)",
        beware="Made for prescriptions, whose days of supply are assumed; still to be verified.",
        excerpt=True,
        gap_days=28,
        known_after_days=28,
    ),
    Definition(
        id="gap30",
        kind="gap",
        rule="An episode ends at 30 or more consecutive dose-free days, on its last covered day.",
        formula="next - last > 30",
        example=_edge(30),
        users="Haiphong (a month)",
        sources=("khue2017",),
        beware="Knowing a dropout takes 30 days; returns within them are not seen.",
        excerpt=True,
        gap_days=30,
        known_after_days=30,
    ),
    Definition(
        id="d15of90",
        kind="gap",
        rule=(
            "The 16th dose-free day within any 90 consecutive days of an episode ends it, on the last covered day before "
            "that 16th; the next covered day starts a new one with a fresh count."
        ),
        formula="dose-free days in some window of 90 days > 15",
        reading=(
            "Days of missing log are left out, of the 90 days as of the count; a day of the window that take-home supply "
            "covers is not dose-free. An episode is open when there is no such 16th day on or before C. An end is known at "
            "most 16 dose-free days after the last covered day, so everything is assessed as of A = C - 16, ends that are "
            "known sooner included; death and prison are linked up to 16 days after the last covered day."
        ),
        example=Example(
            log=(
                (1, "D*10 .*8 D*10 .*7 D*64 . D*3 .*15 D*22"),
                (1, "D*10 .*8 D*10 .*7 D*65 . D*39"),
                (1, "D*50 .*16 D*74"),
            ),
            expected=("1-99 dropout | 101-140 open", "1-140 open", "1-50 dropout | 67-140 open"),
            why=(
                "Dose-free are days 11-18 and 29-35, 15 in all. The first client's next one is day 100: the 16th within days "
                "11-100, which are 90 days. It ends the episode on day 99; the 15 dose-free days from day 104 are counted "
                "afresh. The second client's next one is day 101: days 12-101 hold 15 only. The third misses 16 days in a row."
            ),
        ),
        users="China, scheme of 2003 (at most 15 missed days in 90)",
        sources=("yin2010",),
        beware="The source does not say consecutive: the 15 days are read as a total.",
        known_after_days=16,
    ),
    Definition(
        id="ctn4w",
        kind="gap",
        rule="Treatment ends with 4 consecutive weeks without a urine sample.",
        formula="4 weeks without a sample in a row",
        reading=(
            "Weeks are counted from the first covered day of the first episode (days 1-7, 8-14 ...). Treatment ends on the "
            "day of the last sample before the four weeks, on day 1 where there was none; doses do not matter, and what comes "
            "after is not looked at. The four weeks are over at most 34 days after that sample, so everything is assessed as "
            "of A = C - 34. A sample is a row of the table of tests whose test is named urine. Where samples are usually more than 28 "
            "days apart the rule is not computed: everybody would seem to leave at once."
        ),
        example=Example(
            log=((1, "D*100"), (1, "D*100"), (1, "D*20")),
            samples=(
                tuple(range(5, 100, 14)),  # every second week
                (3, 9, 44, 51),  # week 2 (day 9), then none in weeks 3-6 (days 15-42)
                (2, 8, 16, 37),  # week 3 (day 16), then none in weeks 4 and 5; week 6 (day 37); then none in weeks 7-10
            ),
            expected=("1-89 open", "1-9 dropout", "1-37 dropout"),
            why=(
                "C is day 100 and A day 66. The second client has a sample on day 9, in week 2, and the next one on day 44, in "
                "week 7: weeks 3, 4, 5 and 6 are empty, and doses on every day do not matter. The third has one on day 37, in "
                "week 6, and none in weeks 7 to 10, which end on day 70."
            ),
        ),
        users="CTN-0094 (trials of the United States trial network, harmonised)",
        beware="Counts visits, not doses.",
        excerpt=True,
        known_after_days=34,
    ),
)
