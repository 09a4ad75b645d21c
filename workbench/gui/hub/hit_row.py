"""A repository that the hub found: licence and gate before the click."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.hub.words import licence_chip, plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import ElidedLabel, FlowLayout, label, text_button
from workbench.hub.search import SearchHit
from workbench.hub.terms import Terms


class HitRow(QFrame):
    """``chosen`` is emitted with the repository's name."""

    chosen = Signal(str)

    def __init__(self, hit: SearchHit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rung")
        self.hit = hit
        self.name = ElidedLabel()
        self.name.setProperty("role", "strong")
        self.name.setText(hit.repository)
        self.show_button = text_button(tr("What fits?"), kind="small")
        self.show_button.setAccessibleName(tr("What of {repository} fits", repository=hit.repository))
        self.show_button.setToolTip(tr("Reads the headers of its files"))
        self.show_button.clicked.connect(self._on_show)
        licence = licence_chip(Terms.of(hit.licence), hit.licence)
        licence_label = label(licence.text, role="chip", tone=licence.tone)
        licence_label.setToolTip(plain_tip(licence.tip))
        badges = QWidget()
        flow = FlowLayout(badges)
        flow.addWidget(licence_label)
        if hit.gated:
            flow.addWidget(label(tr("gated: accept its terms on the hub first"), role="chip", tone=Tone.CAUTION))
        flow.addWidget(label(_facts(hit), role="muted"))
        top = QHBoxLayout()
        top.setSpacing(Space.S)
        top.addWidget(self.name, 1)
        top.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.XS, Space.S, Space.XS)
        column.setSpacing(2)
        column.addLayout(top)
        column.addWidget(badges)
        said = [licence.text, _facts(hit), *([tr("gated")] if hit.gated else [])]
        self.setAccessibleName(f"{hit.repository}: {', '.join(said)}")

    @Slot()
    def _on_show(self) -> None:
        self.chosen.emit(self.hit.repository)


def _facts(hit: SearchHit) -> str:
    said = []
    if hit.gguf_files is not None:
        said.append(counted(hit.gguf_files, "GGUF file"))
    if hit.downloads is not None:
        said.append(counted(hit.downloads, "download"))
    if hit.likes is not None:
        said.append(counted(hit.likes, "like"))
    if hit.changed_at is not None:
        said.append(tr("changed {changed_at}", changed_at=hit.changed_at[:10]))
    return " · ".join(said)
