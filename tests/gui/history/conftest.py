"""A Compare page whose history is filled directly, so that a test need not ask for everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtWidgets import QApplication

from tests.gui.compare.conftest import Opened, OpenPage, models, open_page, pytest_collection_modifyitems
from workbench.gui.compare.parts import part
from workbench.gui.history.part import HistoryPart

__all__ = ["models", "open_page", "pytest_collection_modifyitems"]

Made = Callable[..., int]


@dataclass
class Kept:
    """A page, its part for the history, and conversations that were never asked in it."""

    opened: Opened
    part: HistoryPart

    @property
    def sidebar(self):
        return self.part.sidebar

    @property
    def panel(self):
        return self.part.sidebar.panel

    @property
    def conversations(self):
        return self.opened.bench.history.conversations

    def add(self, title: str, *prompts: str, days_ago: float = 0.0) -> int:
        conversations = self.conversations
        conversation_id = conversations.create(title)
        parent = None
        for prompt in prompts:
            parent = conversations.add_turn(conversation_id, prompt, parent_id=parent)
        if parent is not None:
            conversations.set_head(conversation_id, parent)
        moment = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        with conversations._db.transaction() as sql:
            sql.execute("UPDATE conversation SET changed_at = ? WHERE id = ?", (moment, conversation_id))
        return conversation_id

    def show(self) -> None:
        """The sidebar, with what is kept now."""
        self.sidebar.open()
        self.sidebar.refresh()
        self.settle()

    def settle(self) -> None:
        self.opened.until(lambda: self.opened.page.errands.idle and not self.sidebar._rest.isActive())

    def shown(self) -> dict[str, list[str]]:
        return {group.title: [entry.title for entry in group.entries] for group in self.panel.model.groups}

    def choose(self, conversation_id: int) -> None:
        self.panel.tree.setCurrentIndex(self.panel.model.index_of(conversation_id))

    def search(self, text: str) -> None:
        self.panel.field.setText(text)
        self.settle()


@pytest.fixture
def kept(open_page: OpenPage, qapp: QApplication) -> Kept:
    opened = open_page()
    opened.page.resize(1200, 700)
    return Kept(opened, part(opened.page, HistoryPart))
