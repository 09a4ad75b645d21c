"""Every use of the network that the program can make, and whether it may now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import ScrollBody, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.network_uses import NetworkUse

WIDTH, HEIGHT = 620, 560  # pixels at 100 % text
MEANING = later(
    "Offline: nothing opens a connection beyond this computer. Models come from what is "
    "here, downloads wait, and repositories are shown as they were when the hub was last "
    "asked."
)
COMPLETE = later("There is nothing else: no telemetry, no update check, no account. Prompts and answers stay here.")
_STATES = {
    "allowed": (later("● allowed"), Tone.ACCENT),
    "off": (later("○ off"), Tone.MUTED),
    "this machine only": (later("■ this machine only"), Tone.GOOD),
}


class SelfCheckDialog(Sheet):
    """``offline_wished`` is emitted with what the switch was set to, ``token_wished`` when the access token is to be
    shown."""

    offline_wished = Signal(bool)
    token_wished = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self._bench = workbench
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Network self-check"))
        self.switch = QCheckBox(tr("Offline"))
        self.switch.setChecked(workbench.settings.offline)
        self.switch.toggled.connect(self.offline_wished)
        self.area = ScrollBody(tr("Uses of the network"))
        self.uses = self.area.column
        self._arrange()
        self.draw()

    @Slot()
    def draw(self) -> None:
        """As it is now."""
        self.switch.blockSignals(True)
        self.switch.setChecked(self._bench.settings.offline)
        self.switch.blockSignals(False)
        clear(self.uses)
        for use in self._bench.network_uses():
            self.uses.addWidget(_Use(use))

    def _arrange(self) -> None:
        self.token_button = text_button(tr("Access token…"))
        self.token_button.clicked.connect(self.token_wished)
        close = text_button(tr("Close"))
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(label(tr(COMPLETE), role="muted", wrap=True), 1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("What this program can use the network for"), role="title"))
        switches = QHBoxLayout()
        switches.addWidget(self.switch)
        switches.addStretch(1)
        switches.addWidget(self.token_button)
        column.addLayout(switches)
        column.addWidget(label(tr(MEANING), role="muted", wrap=True))
        column.addWidget(self.area, 1)
        column.addLayout(buttons)


class _Use(QFrame):
    def __init__(self, use: NetworkUse) -> None:
        super().__init__()
        self.setProperty("role", "rung")
        said, tone = _STATES[use.state]
        head = QHBoxLayout()
        head.addWidget(label(tr(use.what), role="strong", wrap=True), 1)
        head.addWidget(label(tr(said), role="chip", tone=tone), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.XS, Space.S, Space.XS)
        column.setSpacing(2)
        column.addLayout(head)
        switch = tr(" Switch: {switch}.", switch=use.switch) if use.switch else ""
        column.addWidget(
            label(tr("To {to}; {when}.{switch}", to=use.to, when=use.when, switch=switch), role="muted", wrap=True)
        )
        self.setAccessibleName(f"{tr(use.what)}: {tr(said)}")
