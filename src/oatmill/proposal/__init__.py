"""Files nobody has described yet -> a commented `study.yaml`. What is not certain waits for the user, marked TODO.

Reading order: `alike` (files of one table), `words` (the synonyms of `synonyms.toml`), `values` (what cells can be), `matching` (which table, which
column), `lines` (live or commented out), `codes` and `writing` (one source), `study` (the whole file), `merging` (what
is new, into a file that is there already).
"""

from __future__ import annotations

from oatmill.proposal.merging import Merged, merge
from oatmill.proposal.study import Proposed, propose_sources, study_text

__all__ = ["Merged", "Proposed", "merge", "propose_sources", "study_text"]
