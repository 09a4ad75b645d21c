"""What hangs into the Compare page: each part is made here, and is a child of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject

from workbench.gui.blind.mode import BlindMode
from workbench.gui.compare.ahead import AheadPart
from workbench.gui.compare.announce import Announcer
from workbench.gui.compare.answer_deeds import AnswerDeeds
from workbench.gui.compare.attachments import Attachments
from workbench.gui.compare.queue import PromptQueueing
from workbench.gui.compare.run_plan import RunChoice
from workbench.gui.compare.unsent import UnsentPart
from workbench.gui.decks.part import DecksPart
from workbench.gui.history.part import HistoryPart
from workbench.gui.present.mode import PresenterPart

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

Part = TypeVar("Part", bound=QObject)


def attach(page: ComparePage) -> None:
    """The last deed of making the page; the parts live as long as it."""
    # One line for each part: a QObject whose parent is the page.
    RunChoice(page)
    PromptQueueing(page)
    HistoryPart(page)
    BlindMode(page)
    DecksPart(page)
    AnswerDeeds(page)
    UnsentPart(page, Attachments(page).bar)
    AheadPart(page)
    Announcer(page)
    PresenterPart(page)


def part(page: ComparePage, kind: type[Part]) -> Part:
    """The page's part of this kind; raises LookupError where nothing of the kind was attached."""
    for child in page.children():
        if isinstance(child, kind):
            return child
    raise LookupError(f"the page has no {kind.__name__}")
