"""Chapter 50: stock and flow of a registry, and an audit of published figures about one."""

from __future__ import annotations

from oatmill.registry.audit import COVERAGE, Audit, audit_published, count_from_percent, estimate_coverage
from oatmill.registry.ledger import (
    build_ledger,
    build_ledger_from_counts,
    build_ledger_from_spells,
    estimate_registry_ledger,
    estimate_registry_person_time,
    estimate_registry_rates,
)
from oatmill.registry.rates import rate_per_100_person_years

__all__ = [
    "COVERAGE",
    "Audit",
    "audit_published",
    "build_ledger",
    "build_ledger_from_counts",
    "build_ledger_from_spells",
    "count_from_percent",
    "estimate_coverage",
    "estimate_registry_ledger",
    "estimate_registry_person_time",
    "estimate_registry_rates",
    "rate_per_100_person_years",
]
