"""Sentences of chapter 10."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.text import _, integer, percent


def findings_quality(ledger: Released, checks: Released, missing: Released | None) -> list[str]:
    """How much was read, what was set aside, where values are missing."""
    read = ledger.where(estimand="rows_read", status="shown").set_index("level")["estimate"]
    aside = ledger.where(estimand="rows_quarantined", status="shown").set_index("level")["estimate"]
    sentences = [
        _(
            "{read} rows of the table {table} were read; {aside} were quarantined with a reason.",
            table=table,
            read=integer(rows),
            aside=integer(aside.get(table, float("nan"))),
        )
        for table, rows in read.items()
        if table in ("doses", "clients", "episodes")
    ]
    hits = checks.frame[(checks.frame["estimate"] > 0) & (checks.frame["model"] == "warn")]
    if len(hits):
        worst = hits.sort_values("estimate").iloc[-1]
        sentences.append(
            _(
                "The most frequent warning: {rule} ({n} rows).",
                rule=worst["term"].rstrip(".").replace("`", ""),
                n=integer(worst["estimate"]),
            )
        )
    if missing is not None and missing.frame["estimate"].max() > 0:
        worst = missing.frame.sort_values("estimate").iloc[-1]
        sentences.append(
            _(
                "{column}: not known for {share} of clients.",
                column=label(COVARIATES, worst["level"]),
                share=percent(worst["estimate"]),
            )
        )
    return sentences
