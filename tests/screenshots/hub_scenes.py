"""The hub in pictures: catalogue, a model's ladder, its licence, downloads at work, packs, token and self-check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QDialog

from tests.loopback_hub import Faults, LoopbackHub
from tests.screenshots.published import THREE_BILLION, write_repository
from workbench.hub.packs import keys
from workbench.hub.packs.signing import PublicKey

if TYPE_CHECKING:
    from tests.screenshots.__main__ import Camera

ENTRY = "llama-3.2-3b-instruct"
REPOSITORY = "bartowski/Llama-3.2-3B-Instruct-GGUF"
STEP_S = 0.002  # for each 64 KiB: a line of some 30 MB/s
LICENCE = (
    "The text that the repository ships stands here, whole and unaltered.\n\nThis one was written for a picture.\n"
)
NARROW, WIDE = (900, 900), (1920, 1080)


def publish(hub: LoopbackHub, folder: Path) -> None:
    """What the catalogue's model names, with a file of a licence."""
    files = write_repository(folder, name="Llama-3.2-3B-Instruct", form=THREE_BILLION)
    licence = folder / "LICENSE.txt"
    licence.write_text(LICENCE, encoding="utf-8")
    hub.add(REPOSITORY, {**files, "LICENSE.txt": licence}, card={"license": "llama3.2"}, faults=Faults(step_s=STEP_S))


class HubScenes:
    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.window, self.bench = camera.window, camera.bench

    def take(self) -> None:
        self.catalogue()
        self.entry()
        self.gate()
        self.downloads()
        self.self_check()
        self.token()
        self.packs()

    def settle(self) -> None:
        self.camera.until(lambda: not self.window.models.busy)

    def scrolled_to(self, part) -> None:  # type: ignore[no-untyped-def]
        page = self.window.models
        self.camera.rest()
        page.verticalScrollBar().setValue(part.mapTo(page.widget(), QPoint(0, 0)).y() - 10)

    # --- the Models page ---------------------------------------------------------------------

    def catalogue(self) -> None:
        page = self.window.models
        self.window.show_page("models")
        self.settle()
        for name, mode, size, scale in self.looks("catalogue"):
            self.camera.dress(mode, size=size, scale=scale)
            self.scrolled_to(page.catalogue)
            self.camera.keep(name)
        self.camera.dress("light")

    def entry(self) -> None:
        page = self.window.models
        page.show_entry(ENTRY)
        self.settle()
        row = next(row for row in page.catalogue.rows if row.is_open)
        for name, mode, size, scale in self.looks("catalogue-model"):
            self.camera.dress(mode, size=size, scale=scale)
            self.settle()
            self.scrolled_to(row)
            self.camera.keep(name)
        self.camera.dress("light")

    def line(self, quantisation: str):  # type: ignore[no-untyped-def]
        lines = self.window.models.lines
        return next(line for line in lines if line.fit.model.quantisation == quantisation and line.offer.getting)

    def gate(self) -> None:
        from workbench.gui.hub.gate_dialog import GateDialog

        self.line("Q4_K_M").get_button.click()
        self.camera.until(lambda: bool(self.window.models.findChildren(GateDialog)))
        (dialog,) = self.window.models.findChildren(GateDialog)
        self.portraits("licence", dialog)
        dialog.agree_button.click()
        self.camera.until(lambda: len(self.window.traffic.items) == 1)

    def downloads(self) -> None:
        from workbench.hub.transfer import Phase

        for quantisation in ("Q6_K", "Q8_0"):
            self.line(quantisation).get_button.click()
            self.settle()
        traffic = self.window.traffic
        self.camera.until(lambda: len(traffic.items) == 3 and traffic.items[0].phase is Phase.FETCHING)
        traffic.pause(traffic.items[-1].download.id)
        self.camera.rest(4000)  # until the speed is one
        for name, mode, size, scale in self.looks("downloads"):
            self.camera.dress(mode, size=size, scale=scale)
            self.camera.keep(name)
        self.camera.dress("light")
        self.window.dock.drawer.rows[2].remove_button.click()
        self.camera.take_also("downloads-undo")
        for item in traffic.items:
            traffic.take_off(item.download.id)
        self.window.dock.drawer.put_away()
        self.camera.until(lambda: not traffic.working)

    # --- dialogs -----------------------------------------------------------------------------

    def self_check(self) -> None:
        with self.opened(self.window.dialogs.show_self_check()) as dialog:
            self.portraits("self-check", dialog)

    def token(self) -> None:
        with self.opened(self.window.dialogs.show_token()) as dialog:
            self.camera.until(lambda: not dialog.busy)
            self.portraits("token", dialog)

    def packs(self) -> None:
        folder = self.bench.paths.data / "packs to show"
        signer = keys.generate()
        with self.opened(self.window.dialogs.make_pack()) as maker:
            self.camera.until(lambda: bool(maker.contents.boxes))
            maker.form.put_into(folder)
            maker.form.name_field.setText("Models for the ship")
            maker.contents.boxes[0][0].setChecked(True)
            maker.contents.settings_box.setChecked(True)
            secret, _ = keys.write_pair(signer, self.bench.paths.data / "keys", "office")
            maker.signature.use(secret)
            self.camera.until(lambda: maker.signature.signer is not None and self.window.runner.idle)
            self.portraits("pack-make", maker)
            maker.make()
            self.camera.until(lambda: not maker.busy)
            self.portrait("pack-made", maker)
            pack = maker.form.target
        with self.opened(self.window.dialogs.import_pack()) as dialog:
            dialog.check(pack)
            self.camera.until(lambda: not dialog.busy)
            dialog.sender_card.field.setText(signer.public.line)
            self.portraits("pack-sender", dialog)
            self.bench.packs.trusted.accept(PublicKey(signer.public.number, signer.public.key, "The office"))
            dialog.check(pack)
            self.camera.until(lambda: not dialog.busy)
            self.portraits("pack-import", dialog)
            damaged = folder / "Damaged.zip"
            data = bytearray(pack.read_bytes())
            data[len(data) // 2] ^= 1
            damaged.write_bytes(data)
            dialog.check(damaged)
            self.camera.until(lambda: not dialog.busy)
            self.portrait("pack-refused", dialog)
        with self.opened(self.window.dialogs.show_keys()) as shown:
            self.camera.until(lambda: self.window.runner.idle)
            if self.camera.everything:
                self.portrait("pack-keys", shown)

    @contextmanager
    def opened(self, dialog) -> Iterator:  # type: ignore[no-untyped-def,type-arg]
        self.camera.rest()
        yield dialog
        dialog.reject()

    def portraits(self, name: str, dialog: QDialog) -> None:
        """Light and dark for the documentation; with larger text, for looking at."""
        for suffix, mode, scale in (("light", "light", 1.0), ("dark", "dark", 1.0), ("large-text", "light", 1.5)):
            if scale == 1.0 or self.camera.everything:
                self.camera.dress(mode, scale=scale)
                self.portrait(f"{name}-{suffix}", dialog)
        self.camera.dress("light")

    def portrait(self, name: str, dialog: QDialog) -> None:
        self.camera.rest()
        self.camera.keep(name, dialog)

    def looks(self, name: str) -> Iterator[tuple[str, str, tuple[int, int], float]]:
        yield f"{name}-light", "light", (1280, 900), 1.0
        yield f"{name}-dark", "dark", (1280, 900), 1.0
        if self.camera.everything:
            yield f"{name}-narrow", "light", NARROW, 1.0
            yield f"{name}-wide", "light", WIDE, 1.0
            yield f"{name}-large-text", "light", (1280, 900), 1.5
