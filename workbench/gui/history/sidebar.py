"""The list of conversations beside the panes, and over them where the window is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QEvent, QObject, QSettings, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QWidget

from workbench.chat.stored import Hit, Listed
from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.errands import errand
from workbench.gui.history.grouping import Group
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.gui.history.filters import Choices
    from workbench.gui.history.panel import Panel
    from workbench.gui.pages.compare import ComparePage

LANE = "conversations"
WIDTH = 292  # pixels at 100 % text
NARROW = 1060  # a page of less than this has no room beside its panes
PAUSE_MS = 120  # after the last key of a search
MOST_HITS = 100
KEPT = "sidebar"

Read: TypeAlias = "tuple[tuple[Group, ...], Choices]"


class Sidebar(QObject):
    """``refresh`` reads the list anew, away from the window's thread.  In a narrow page it is put over the panes when
    it is asked for, and goes when something else is used."""

    opened = Signal(int)
    found = Signal(object)
    renamed = Signal(object, str)
    wished = Signal(str, object)

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._conversations = page.bench.history.conversations
        self._kept = QSettings(str(page.bench.paths.window), QSettings.Format.IniFormat)
        self._wished = self._kept.value(KEPT, "no") == "yes"
        self._over = False  # it stands over the panes, for as long as it is used
        self._asked = 0
        self._job: Job | None = None
        self._reading = self._again = False
        self.button = page.bar.conversations
        self._rest = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._rest.timeout.connect(self._search)
        self.button.clicked.connect(self.toggle)
        page.installEventFilter(self)
        page.conversation_changed.connect(self.refresh)
        page.title_changed.connect(self.refresh)
        page.composer.sent.connect(self.refresh)
        theme.changed.connect(self._arrange)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._on_focus)
        self._arrange()

    @cached_property
    def panel(self) -> Panel:
        """The list itself, made when it is first shown."""
        from workbench.gui.history.panel import Panel

        made = Panel(self._page)
        made.hide()
        made.model.hides = made.hits.hides = partial(names_hidden, self._page)
        made.closed.connect(self.close)
        made.searched.connect(self._on_typed)
        made.opened.connect(self._on_opened)
        made.found.connect(self._on_found)
        made.renamed.connect(self.renamed)
        made.wished.connect(self.wished)
        self._page.left.addWidget(made)
        return made

    # --- open and closed ---------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return "panel" in self.__dict__ and not self.panel.isHidden()

    @Slot()
    def toggle(self) -> None:
        if self.is_open:
            self.close()
        else:
            self.open()
            self.panel.tree.setFocus()

    @Slot()
    def find(self) -> None:
        """Ctrl+F: the search field, with what is in it marked to be typed over."""
        self.open()
        self.panel.field.setFocus()
        self.panel.field.selectAll()

    def open(self) -> None:
        if self._is_narrow():
            self._over = True
        else:
            self._wish(is_open=True)
        self._arrange()

    @Slot()
    def close(self) -> None:
        had_focus = self.panel.isAncestorOf(QApplication.focusWidget() or self._page)
        self._over = False
        if not self._is_narrow():
            self._wish(is_open=False)
        self._arrange()
        if had_focus:
            self._page.composer.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._arrange()
        return super().eventFilter(watched, event)

    @Slot()
    def _arrange(self) -> None:
        """Beside the panes where it was wished for, over them where there is no room and it is in use."""
        narrow = self._is_narrow()
        self._over = self._over and narrow
        if "panel" not in self.__dict__ and not (self._over if narrow else self._wished):
            self.button.setChecked(False)
            return
        beside = self._page.left.indexOf(self.panel) >= 0
        if narrow and beside:
            self._page.left.removeWidget(self.panel)
            self.panel.setParent(self._page)
        elif not narrow and not beside:
            self._page.left.addWidget(self.panel)
        self.panel.setFixedWidth(min(theme.px(WIDTH), max(self._page.width() - 2 * Space.L, theme.px(200))))
        theme.mark(self.panel, floating="true" if narrow else "false")
        was_open = self.is_open
        self.panel.setVisible(self._over if narrow else self._wished)
        if narrow and self.is_open:
            self.panel.setGeometry(0, 0, self.panel.width(), self._page.height())
            self.panel.raise_()
        self.button.setChecked(self.is_open)
        if self.is_open and not was_open:
            self.refresh()

    def _is_narrow(self) -> bool:
        return self._page.width() < theme.px(NARROW)

    def _wish(self, *, is_open: bool) -> None:
        self._wished = is_open
        self._kept.setValue(KEPT, "yes" if is_open else "no")

    @Slot(QWidget, QWidget)
    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        """Over the panes it stands in the way of what is used instead."""
        if self._over and now is not None and self._page.isAncestorOf(now):
            inside = now is self.panel or self.panel.isAncestorOf(now)
            if not inside and now is not self.button:
                self._over = False
                self._arrange()

    # --- the list ----------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        if not self.is_open:
            return
        self.panel.model.mark(self._page.record.diary.conversation_id)
        if self._reading:
            self._again = True
            return
        self._reading = True
        wanted, since = self.panel.filters.wanted(), self.panel.filters.since()
        self._page.errands.run(
            "list conversations", errand(partial(self._read, wanted, since)), self._on_read, self._on_failed, lane=LANE
        )

    def _read(self, wanted: object, since: datetime | None) -> Read:
        from workbench.gui.history.filters import Choices
        from workbench.gui.history.grouping import grouped

        conversations = self._conversations
        listed: Sequence[Listed] = conversations.listed(wanted)  # type: ignore[arg-type]  # what filters gave
        now = datetime.now().astimezone()
        if since is not None:
            listed = [one for one in listed if datetime.fromisoformat(one.changed_at) >= since]
        choices = Choices(conversations.models(), conversations.tags(), conversations.folders())
        return grouped(listed, now), choices

    def _on_read(self, read: Read) -> None:
        self._reading = False
        groups, choices = read
        self.panel.filters.offer(choices)
        if self.panel.tree.state() == self.panel.tree.State.EditingState:
            self._again = False  # a title is being typed; the list follows when it is done
            return
        if groups != self.panel.model.groups:
            self.panel.show_groups(groups)
        self.panel.model.mark(self._page.record.diary.conversation_id)
        if not self.panel.field.text().strip():
            self.panel.show_tree()
        if self._again:
            self._again = False
            self.refresh()

    def _on_failed(self, error: Exception) -> None:
        self._reading = False
        self.say(error)

    def say(self, error: Exception) -> None:
        if isinstance(error, WorkbenchError):
            self.panel.undo.say(tr(error.message), tr(error.hint or ""))

    # --- searching ---------------------------------------------------------------------------

    @Slot()
    def _on_typed(self) -> None:
        self._asked += 1
        if self._job is not None:
            self._job.cancel()
        if self.panel.field.text().strip():
            self._rest.start()
        else:
            self._rest.stop()
            self.panel.show_tree()
            self.refresh()

    @Slot()
    def _search(self) -> None:
        query = self.panel.filters.query(self.panel.field.text())
        self._job = self._page.errands.run(
            "search conversations",
            errand(partial(self._conversations.search, query, MOST_HITS)),
            partial(self._on_hits, self._asked),
            self.say,
            lane=LANE,
        )

    def _on_hits(self, asked: int, hits: tuple[Hit, ...]) -> None:
        if asked == self._asked and self.panel.field.text().strip():  # what is typed now, and not before
            self.panel.show_hits(hits)

    @Slot(object)
    def _on_opened(self, entry: Listed) -> None:
        self._leave_if_over()
        self.opened.emit(entry.id)

    @Slot(object)
    def _on_found(self, hit: Hit) -> None:
        self._leave_if_over()
        self.found.emit(hit)

    def _leave_if_over(self) -> None:
        if self._over:
            self.close()
