"""The dialogs of the hub, opened from the menus, the pages and each other; each is imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QDialog, QWidget

from workbench.gui.errands import Errands
from workbench.gui.hub.network import NetworkSwitch

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.hub.pack_dialog import PackDialog
    from workbench.gui.hub.pack_maker import PackMaker
    from workbench.gui.hub.self_check import SelfCheckDialog
    from workbench.gui.hub.token_dialog import TokenDialog
    from workbench.gui.hub.trusted_keys import TrustedKeysDialog


class HubDialogs(QObject):
    """``installed`` is emitted when a pack was, with whether its settings were taken over; ``token_changed`` when
    another access token counts."""

    installed = Signal(bool)
    token_changed = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, network: NetworkSwitch, window: QWidget) -> None:
        super().__init__(window)
        self._bench, self._errands, self._network, self._window = workbench, errands, network, window

    @Slot()
    def import_pack(self) -> PackDialog:
        from workbench.gui.hub.pack_dialog import PackDialog

        dialog = PackDialog(self._bench, self._errands, self._window)
        dialog.installed.connect(self.installed)
        dialog.keys_wished.connect(self.show_keys)
        dialog.open()
        return dialog

    @Slot()
    def make_pack(self) -> PackMaker:
        from workbench.gui.hub.pack_maker import PackMaker

        dialog = PackMaker(self._bench, self._errands, self._window)
        dialog.open()
        return dialog

    @Slot()
    def show_keys(self) -> TrustedKeysDialog:
        from workbench.gui.hub.trusted_keys import TrustedKeysDialog

        return _shown(TrustedKeysDialog(self._bench, self._errands, self._above()))

    @Slot()
    def show_token(self) -> TokenDialog:
        from workbench.gui.hub.token_dialog import TokenDialog

        dialog = _shown(TokenDialog(self._bench, self._errands, self._above()))
        dialog.changed.connect(self.token_changed)
        return dialog

    @Slot()
    def show_self_check(self) -> SelfCheckDialog:
        from workbench.gui.hub.self_check import SelfCheckDialog

        dialog = _shown(SelfCheckDialog(self._bench, self._window))
        dialog.offline_wished.connect(self._network.wish)
        dialog.token_wished.connect(self.show_token)
        self._network.changed.connect(dialog.draw)
        return dialog

    def _above(self) -> QWidget:
        """The dialog that is open, whose own one this becomes; else the window."""
        open_ones = [one for one in self._window.findChildren(QDialog) if one.isVisible()]
        return open_ones[-1] if open_ones else self._window


D = TypeVar("D", bound=QDialog)


def _shown(dialog: D) -> D:
    dialog.open()
    return dialog
