"""What the program keeps, in plain words."""

from __future__ import annotations

from workbench.gui.tr import later
from workbench.store.backup import Phase
from workbench.store.holdings import Kind

KINDS = {
    Kind.HISTORY: later("Conversations, votes, measurements"),
    Kind.MODELS: later("Models that this program fetched"),
    Kind.PACKS: later("Catalogues, and what packs brought"),
    Kind.KEYS: later("Keys that packs are signed with"),
    Kind.CACHES: later("Caches"),
    Kind.SETTINGS: later("Settings"),
    Kind.LOGS: later("Logs"),
}
PHASES = {
    Phase.CHECKING: later("Reading it back and checking it…"),
    Phase.KEEPING: later("Keeping a copy of what is there now…"),
    Phase.COPYING: later("Copying…"),
}
