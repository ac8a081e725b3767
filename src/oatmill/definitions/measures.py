"""Who is retained: the measures in use, as shares at a day or as a count."""

from __future__ import annotations

from oatmill.definitions.entry import Definition, Example

MEASURES = (
    Definition(
        id="ret_km",
        kind="retention",
        rule=(
            "Kaplan-Meier of starters' first episode; every end is an event (dropout, administrative, completed taper, "
            "prison, death); censored only at A and on the last covered day before a transfer out of the register; equals "
            "1 - the sum of the Aalen-Johansen curves with transfers censored there too."
        ),
        formula="S(t) = P(T > t)",
        example=Example(
            log=((10, "D*30"), (10, "D*20"), (20, "D*100")),
            exits=((1, 20, "transfer_out"),),
            expected=("day 30: 0.6667",),
            why="10 of 40 are censored on day 20 by a transfer; 10 of the 30 at risk on day 30 leave: 1 - 10/30.",
        ),
        beware="Clients transferred out are assumed to stay like the rest.",
    ),
    Definition(
        id="ret_km_net",
        kind="retention",
        rule="As ret_km, death and prison censored.",
        formula="S(t) with death and prison censored",
        example=Example(
            log=((10, "D*30"), (10, "D*20"), (20, "D*100")),
            exits=((1, 20, "death"),),
            expected=("day 30: 0.6667",),
            why="The 10 deaths of day 20 are censored: 1 - 10/30. With the deaths as ends, ret_km is 20/40.",
        ),
        beware="Always higher than ret_km; not a probability of being in treatment; never the headline.",
    ),
    Definition(
        id="ret_cif",
        kind="retention",
        rule="1 - cumulative incidence of dropout, the other ends competing.",
        formula="1 - CIF_dropout(t)",
        reading="A transfer out of the register is censored, as in ret_km.",
        example=Example(
            log=((10, "D*30"), (10, "D*20"), (20, "D*100")),
            exits=((1, 20, "death"),),
            expected=("day 30: 0.7500",),
            why=(
                "10 of 40 have died by day 20, so that 3/4 are in treatment; 10 of those 30 drop out on day 30: the incidence "
                "of dropout is 3/4 x 10/30 = 1/4. ret_km is 20/40: the dead are not dropped out."
            ),
        ),
        beware="Counts the dead as not dropped out, so it is printed only beside ret_km.",
    ),
    Definition(
        id="ret_fixed",
        kind="retention",
        rule=(
            "Starters with days in treatment > t / starters with C - first day + 1 >= t + G (their day t is on or before A)."
        ),
        formula="#(T > t) / #(C - first day + 1 >= t + G)",
        example=Example(
            log=((12, "D*30"), (18, "D*31"), (10, ".*70 D*30"), (5, "D*100")),
            expected=("day 30: 23 of 35",),
            why=(
                "C is day 100, A = C - 7 is day 93. The 10 who began on day 71 have their day 30 on day 100, after A: they leave "
                "the denominator. Of the 35 others 12 left on day 30 itself; 18 were in treatment for 31 days, 5 longer."
            ),
        ),
        beware="Recent starters leave the denominator.",
    ),
    Definition(
        id="ret_on_oat",
        kind="retention",
        rule=(
            "Starters of whom some episode has first day <= day t < last covered day, day t itself covered or not / same "
            "denominator as ret_fixed."
        ),
        formula="#(first day <= day t < last covered day, any episode) / #(C - first day + 1 >= t + G)",
        example=Example(
            log=((10, "D*20 .*9 D*71"), (5, "D*20 .*10 D*70"), (10, "D*28 .*4 D*68"), (10, "D*100")),
            expected=("day 30: 30 of 35",),
            why=(
                "The first 10 came back on day 30 and stayed: in treatment on day 30, though their first episode ended on day "
                "20. The next 5 came back a day later. Of 10, days 29-32 are dose-free inside an episode. 10 never left."
            ),
        ),
        beware=">= ret_fixed by construction: same G, same denominator.",
    ),
    Definition(
        id="ret_programme",
        kind="retention",
        rule="ret_fixed in the programme view of the first site.",
        formula="as ret_fixed, the doses of one site at a time",
        example=Example(
            log=((10, "D*20 E*80"), (10, "D*20 E*6 D*74"), (15, "D*100")),
            expected=("day 30: 25 of 35",),
            why=(
                "The first 10 moved to a second site on day 21: still in treatment, not in this programme. The next 10 were "
                "guests elsewhere on 6 days, fewer than 7: that changes nothing."
            ),
        ),
        beware="Mixes moving with leaving.",
    ),
    Definition(
        id="nqf180",
        kind="retention",
        rule="Days in treatment >= 180 under gap8, among starters who could have reached it.",
        formula="#(T >= 180) / #(C - first day + 1 >= 180 + G), G = 8",
        example=Example(
            log=((12, "D*179"), (18, "D*180"), (5, "D*250")),
            expected=("day 180: 23 of 35",),
            why="C is day 250, A = C - 8 is day 242: all 35 could reach day 180. 18 did just so, 5 stayed longer.",
            gap_days=8,
        ),
        users="NQF 3175 and MIPS 468 (United States)",
        beware="T >= 180, not > 180 as for retention at day 180; the gap is still to be verified.",
        excerpt=True,
    ),
    Definition(
        id="december",
        kind="retention",
        rule=(
            "Clients alive on 31 December with >= 1 dose in December of year y / clients with >= 1 dose in y who did not die "
            "in y."
        ),
        formula="#(alive on 31 December of y, dose in December of y) / #(dose in y, did not die in y)",
        reading=(
            "A day covered by take-home supply is a day with a dose. y is the last year that ends on or before C; clients whose "
            "site has no log to the end of the year are left out. Carried over: some episode has first day <= 31 December of y-1 < last "
            "covered day; or the first episode began in y, too early in the log to be a starter's. First entrants: starters "
            "of y. Returners: everybody else."
        ),
        example=Example(
            log=((10, "D*731"), (10, "D*100 .*300 D*331"), (6, ".*400 D*100"), (6, "D*500"), (4, "D*400")),
            exits=((3, 500, "death"),),
            expected=(
                "2021: 20 of 30",
                "2021 carried_over: 10 of 14",
                "2021 first_entrants: 0 of 6",
                "2021 returners: 10 of 10",
            ),
            why=(
                "Day 1 is 1 January 2020, day 367 is 1 January 2021. In 2021 all 36 had a dose; 6 died and are left out of both "
                "numbers. Of 14 carried over 4 left in February; the 6 first entrants left in May; the 10 who came back in "
                "February 2021 stayed."
            ),
        ),
        users="China's national programme",
        sources=("li2013",),
        beware=(
            "A programme convention, not a survival probability; always split in three - carried over (running on 31 December "
            "of y-1), first entrants, returners - and beside ret_km at 365. The source (note c) subtracts deaths from the "
            "denominator only; taking them out of both keeps it <= 1."
        ),
    ),
    Definition(
        id="kp_mat6",
        kind="retention",
        rule="Number on OAT >= 6 months in the period.",
        formula="#(some day of the period >= 6 months after the first day of a running episode)",
        reading=(
            "The period is the last calendar year that ends on or before C. A client counts of whom some day of it lies in an episode "
            "that by then has lasted 6 calendar months: begun on 1 January, from 30 June on."
        ),
        example=Example(
            log=((10, "D*181"), (12, "D*182"), (8, "D*366")),
            expected=("2020: 20 clients",),
            why="Who began on 1 January completes 6 months on 30 June, day 182: the first 10 left one day earlier.",
        ),
        users="PEPFAR",
        beware="A count, not a share; quarters are never summed.",
        excerpt=True,
    ),
    Definition(
        id="completed_window",
        kind="window",
        rule="No run of G or more dose-free days within days 1 to H, where follow-up stops by design at day H.",
        formula="#(no run of >= G dose-free days in days 1..H) / #(starters whose day H is on or before C)",
        example=Example(
            log=((10, "D*23"), (20, "D*24"), (5, "D*100")),
            follow_up_days=30,
            expected=("day 30: 25 of 35",),
            why=(
                "Days 24-30 of the first 10 are 7 dose-free days inside the window. The next 20 have 6 inside it, days 25-30: what "
                "comes after day 30 is not looked at."
            ),
        ),
        beware="Never to be read as retention at day H: no exit can be seen after day H - G.",
    ),
)
