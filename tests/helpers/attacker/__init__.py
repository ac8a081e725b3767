"""An honest attacker: reads what is published, knows what the numbers mean, and does all the sums.

It shares no code with `oatmill.disclosure`: the class intervals, the identities between outputs and the search for
possible true counts are written here a second time, from the methods page and the notes under the tables.

rounding    a released number -> the true counts that may stand behind it
system      unknown counts, and what must hold between them
knowledge   the rows of results.csv -> a system: which cells are one quantity, and what adds up
groups      the same for clients by two things at once
definitions the same for the other definitions of retention
curves      the same for retention curves, day by day
registry    the same for ledgers of a registry and yearly numbers of a programme
means       which numbers of clients a published mean, standard error or person-time leaves possible
releases    what the difference of two releases adds
worlds      which values each count can take
"""

from helpers.attacker.knowledge import Settings, read_book
from helpers.attacker.releases import read_releases
from helpers.attacker.rounding import RULES
from helpers.attacker.system import Contradiction
from helpers.attacker.worlds import Narrowed, attack

__all__ = ["RULES", "Contradiction", "Narrowed", "Settings", "attack", "read_book", "read_releases"]
