"""Sentences of chapter 10."""

from __future__ import annotations

from oatmill.disclosure import Released
from oatmill.labels import COVARIATES, label
from oatmill.text import _, integer, ngettext, percent


def findings_quality(
    ledger: Released, checks: Released, missing: Released | None, logs: Released | None = None
) -> list[str]:
    """How much was read, what was set aside, where values and whole days are missing."""
    read = ledger.where(estimand="rows_read", status="shown", term="").set_index("level")["estimate"]
    aside = ledger.where(estimand="rows_quarantined", status="shown", term="").set_index("level")["estimate"]
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
    return [*sentences, *_missing_values(missing), *_missing_logs(logs)]


def _missing_values(missing: Released | None) -> list[str]:
    if missing is None:
        return []
    clients = missing.where(population="clients in the clients table", status="shown").sort_values("estimate")
    if clients.empty or clients["estimate"].iloc[-1] == 0:
        return []
    worst = clients.iloc[-1]
    column = label(COVARIATES, worst["level"])
    return [_("{column}: not known for {share} of clients.", column=column, share=percent(worst["estimate"]))]


def _missing_logs(logs: Released | None) -> list[str]:
    if logs is None:
        return []
    sites = logs.frame["level"].nunique()
    if not sites:
        return [_("No site has a day of missing log.")]
    return [ngettext("{n} site has days of missing log.", "{n} sites have days of missing log.", sites)]
