"""What stands at the rail's bottom: the downloads with their drawer, and whether the network may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.hub.drawer import DownloadsDrawer
from workbench.gui.hub.network import NetworkSwitch
from workbench.gui.hub.traffic import Traffic
from workbench.gui.tr import counted, later, tr
from workbench.gui.widgets.rail import Rail
from workbench.gui.words import GAP

if TYPE_CHECKING:
    from workbench.app import Workbench

DOWNLOADS, OFFLINE = "downloads", "offline"
ONLINE_TIP = later("The network may be used, when you search, look something up or download. Click to go offline.")


class Dock(QObject):
    """``refused`` is emitted with what was in the way of the network's switch."""

    refused = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, rail: Rail, parent: QObject) -> None:
        super().__init__(parent)
        self.traffic = Traffic(workbench, errands, self)
        self.drawer = DownloadsDrawer(self.traffic)
        self.network = NetworkSwitch(workbench, errands, self)
        self._rail = rail
        rail.add_switch(DOWNLOADS, tr("Downloads"), "download-outline", tr("Downloads (Ctrl+J)"))
        rail.add_switch(OFFLINE, tr("Online"), "wifi", tr(ONLINE_TIP))
        rail.switched.connect(self._on_switch)
        self.traffic.changed.connect(self._draw_downloads)
        self.drawer.closed.connect(self._draw_downloads)
        self.network.changed.connect(self._on_network)
        self.network.refused.connect(self.refused)
        self._draw_downloads()
        self.draw_network()

    @Slot()
    def toggle(self) -> None:
        """Bring the drawer, or put it away."""
        if self.drawer.isHidden():
            self.drawer.bring()
            self._draw_downloads()
        else:
            self.drawer.put_away()

    def show_drawer(self) -> None:
        """Without taking the keyboard from where it is."""
        self.drawer.show()
        self._draw_downloads()

    @Slot(str, bool)
    def _on_switch(self, name: str, on: bool) -> None:
        if name == DOWNLOADS:
            self.toggle()
        elif name == OFFLINE:
            self.draw_network()  # it shows what is in force, not what is wished
            self.network.turn(offline=on)

    @Slot()
    def _draw_downloads(self) -> None:
        count = self.traffic.open_count
        failed = sum(item.failed for item in self.traffic.items)
        share = self.traffic.share if count else None
        title = tr("Downloads")
        if count:
            title = f"{count} · {100 * share:.0f}{GAP}%" if share is not None else counted(count, "file")
        elif failed:
            title = tr("{failed} failed", failed=failed)
        told = [tr("{count} to come", count=counted(count, "download")) if count else tr("Nothing to come")]
        told += [tr("{failed} failed", failed=failed)] if failed else []
        tip = tr("Downloads: {names} (Ctrl+J)", names=", ".join(told))
        icon = "download" if self.traffic.working else "download-outline"
        self._rail.draw(DOWNLOADS, on=not self.drawer.isHidden(), title=title, icon=icon, tip=tip)
        self._rail.buttons[DOWNLOADS].setAccessibleName(tr("Downloads"))
        self._rail.buttons[DOWNLOADS].show_share(share)

    @Slot()
    def draw_network(self) -> None:
        offline = self.network.offline
        self._rail.draw(
            OFFLINE,
            on=offline,
            title=tr("Offline") if offline else tr("Online"),
            icon="wifi-off" if offline else "wifi",
            tip=_offline_tip() if offline else tr(ONLINE_TIP),
        )

    @Slot()
    def _on_network(self) -> None:
        """Also where another process turned it."""
        self.draw_network()
        self.traffic.refresh()
        if not self.network.offline:
            self.traffic.start()

    @Slot(object)
    def say(self, problem: Problem) -> None:
        self.drawer.say(problem)


def _offline_tip() -> str:
    from workbench.gui.hub.self_check import MEANING

    return tr("{meaning} Click to go online.", meaning=tr(MEANING))
