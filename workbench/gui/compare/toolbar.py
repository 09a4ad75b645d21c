"""The line above the panes: another pane, another conversation, what the parts of the page add, the options."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QMenu, QPushButton, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import TARGET, text_button

AT_LEAST = 4  # buttons that are never folded away
RULE = 2 * Space.XS + 1  # pixels: a line between groups, and what is left of it


@dataclass(frozen=True, slots=True)
class _Entry:
    button: QPushButton
    words: str
    icon: str
    action: QAction  # the same deed in the menu of what is folded away
    rule: QFrame | None  # the line before the first of a group


class CompareBar(QWidget):
    """Where there is no room for words the icons stand alone, and what even these have no room for is in "More";
    the words are names and tool tips all the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.XS)
        self._row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # what has no room is folded away
        self._entries: list[_Entry] = []
        self._at_end: list[_Entry] = []
        self.folded = QMenu(self)
        self.folded.aboutToShow.connect(self._fill_folded)
        self.more = text_button("", kind="ghost")
        self.more.setMenu(self.folded)
        self.more.hide()
        self._more_words = tr("More")
        self.more.setAccessibleName(self._more_words)
        self.more.setToolTip(tr("What there is no room for here"))
        self._row.addWidget(self.more)
        self._row.addStretch(1)
        self.new = self.add_button(tr("New"), "square-edit-outline", tr("The same models, a new conversation (Ctrl+N)"))
        self.new.setAccessibleName(tr("New comparison"))
        self.conversations = self.add_button(
            tr("Conversations"), "page-layout-sidebar-left", tr("Earlier ones, and a search (Ctrl+B)"), checkable=True
        )
        self.add = self.add_button(tr("Add pane"), "plus", tr("One model more"), apart=True)
        self.options = self._make(
            tr("Options"), "tune-variant", tr("System prompt, sampling, context (Ctrl+I)"), checkable=True
        )
        self._at_end.append(self._entries.pop())
        self._row.addWidget(self.options)
        QWidget.setTabOrder(self.more, self.options)
        theme.changed.connect(self._dress)
        self._dress()

    def add_button(
        self, words: str, icon: str, tip: str, *, checkable: bool = False, apart: bool = False
    ) -> QPushButton:
        """One more button at the end of those there are; ``icon`` is a Material Design name, ``apart`` begins a
        group with it."""
        button = self._make(words, icon, tip, checkable=checkable, apart=apart)
        if (rule := self._entries[-1].rule) is not None:
            self._row.insertWidget(self._row.indexOf(self.more), rule)
        self._row.insertWidget(self._row.indexOf(self.more), button)
        in_order = [entry.button for entry in (*self._entries, *self._at_end)]
        in_order.insert(len(self._entries), self.more)
        for before, after in pairwise(in_order):
            QWidget.setTabOrder(before, after)
        self._dress()
        return button

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(2 * TARGET * AT_LEAST), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make(self, words: str, icon: str, tip: str, *, checkable: bool, apart: bool = False) -> QPushButton:
        button = text_button("", kind="ghost")
        button.setProperty("dense", True)
        button.setCheckable(checkable)
        button.setAccessibleName(words)
        button.setToolTip(f"{words}: {tip}")
        action = QAction(words, self)
        action.setCheckable(checkable)
        action.triggered.connect(button.click)
        self._entries.append(_Entry(button, words, icon, action, _rule() if apart else None))
        return button

    @Slot()
    def _dress(self) -> None:
        side = theme.px(16)
        for entry in (*self._entries, *self._at_end):
            entry.button.setIcon(theme.icon(entry.icon))
            entry.button.setIconSize(QSize(side, side))
        self.more.setIcon(theme.icon("dots-horizontal"))
        self.more.setIconSize(QSize(side, side))
        self._make_room()

    def _make_room(self) -> None:
        shown = [*self._entries, *self._at_end]
        for entry in shown:
            entry.button.setText(f" {entry.words}")  # the style puts words close to the icon
        if self._needed(shown) > self.width():
            for entry in shown:
                entry.button.setText("")
        fit = len(self._entries)
        if self._needed(shown) > self.width():
            room = self.width() - self._needed(self._at_end) - self.more.sizeHint().width() - Space.XS
            while fit > AT_LEAST - 1 and self._needed(self._entries[:fit]) > room:
                fit -= 1
        for index, entry in enumerate(self._entries):
            entry.button.setVisible(index < fit)
            if entry.rule is not None:
                entry.rule.setVisible(index < fit)
        self.more.setVisible(fit < len(self._entries))

    def _needed(self, entries: list[_Entry]) -> int:
        rules = sum(entry.rule is not None for entry in entries)
        return sum(entry.button.sizeHint().width() + Space.XS for entry in entries) + rules * (RULE + Space.XS)

    @Slot()
    def _fill_folded(self) -> None:
        self.folded.clear()
        for entry in self._entries:
            if entry.button.isHidden():
                entry.action.setEnabled(entry.button.isEnabled())
                entry.action.setChecked(entry.button.isChecked())
                entry.action.setIcon(theme.icon(entry.icon))
                self.folded.addAction(entry.action)


def _rule() -> QFrame:
    """A thin line; the space beside it belongs to it."""
    rule = QFrame()
    rule.setProperty("role", "rule")
    rule.setFixedWidth(RULE)
    return rule
