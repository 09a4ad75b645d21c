"""Panes that scroll together: to the same exchange, and to the same part of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot

from workbench.gui.compare.transcript import Transcript


class LinkedScroll(QObject):
    """Off until ``on`` is set.  What a reader scrolls leads; what follows it leads nobody."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._transcripts: list[Transcript] = []
        self._leading = False
        self.on = False

    def follow(self, transcripts: Sequence[Transcript]) -> None:
        for gone in self._transcripts:
            if gone not in transcripts:
                gone.scrolled.disconnect(self._on_scrolled)
        for new in transcripts:
            if new not in self._transcripts:
                new.scrolled.connect(self._on_scrolled)
        self._transcripts = list(transcripts)

    def set_on(self, on: bool) -> None:
        self.on = on

    @Slot(object)
    def _on_scrolled(self, leader: object) -> None:
        if not self.on or self._leading or not isinstance(leader, Transcript):
            return
        place = leader.place()
        if place is None:
            return
        self._leading = True
        try:
            for each in self._transcripts:
                if each is not leader:
                    each.go_to(place)
        finally:
            self._leading = False
