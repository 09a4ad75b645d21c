"""Which panes are seen and where the keys go: shortcuts of the panes, linked scrolling, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut

from workbench.gui import reading
from workbench.gui.compare.pane_row import MAX_PANES
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

LINKED, ZOOM = "panes/linked", "panes/zoom"


class PaneKeys(QObject):
    """``kept`` remembers over restarts; ``linked`` is the button that lets all panes scroll together."""

    def __init__(self, page: ComparePage, kept: QSettings) -> None:
        super().__init__(page)
        self._kept = kept
        row = page.row
        self.linked = page.bar.add_button(
            tr("Scroll together"),
            "link-variant",
            tr("Scrolling one pane moves the others to the same answer (Ctrl+Shift+L)"),
            checkable=True,
        )
        self._row = row
        self.linked.toggled.connect(self._on_linked)
        self.linked.setChecked(str(kept.value(LINKED, "")) == "true")
        reading.set_zoom(_number(kept.value(ZOOM, "")))
        reading.set_characters(page.bench.settings.reading_width)
        reading.changed.connect(self._keep_zoom)
        keys: list[tuple[str, Callable[[], object]]] = [
            ("F6", row.focus_next),
            ("Shift+F6", row.focus_previous),
            ("Ctrl+Shift+F", row.toggle_in_use),
            ("Ctrl+Shift+L", self.linked.toggle),
            ("Ctrl+PgDown", row.next_group),
            ("Ctrl+PgUp", row.previous_group),
            *((f"Alt+{number}", partial(row.focus_pane, number)) for number in range(1, MAX_PANES + 1)),
        ]
        for key, deed in keys:
            QShortcut(QKeySequence(key), page, deed, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    @Slot(bool)
    def _on_linked(self, on: bool) -> None:
        self._row.linked.set_on(on)
        self._kept.setValue(LINKED, "true" if on else "false")

    @Slot()
    def _keep_zoom(self) -> None:
        self._kept.setValue(ZOOM, f"{reading.zoom():g}")


def _number(said: object) -> float:
    try:
        return float(str(said))
    except ValueError:  # nothing was kept, or not by this program
        return 1.0
