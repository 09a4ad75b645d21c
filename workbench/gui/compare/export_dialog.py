"""The comparison that is shown, as a file: in which form, for whom, and where it went."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QStandardPaths, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
)

from workbench.chat.answer import Problem
from workbench.chat.exports.exported import Audience
from workbench.chat.exports.exporting import Exporting, Format, exporting
from workbench.gui import names, theme
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.motion import show_endless
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

LANE = "export"
FOLDER = "export/folder"
FORM = "export/form"
LONGEST_NAME = 60


def open_export(page: ComparePage) -> None:
    """What was asked and answered so far; without any of it the composer says so."""
    if page.record.diary.conversation_id is None:  # one is kept from its first prompt on
        page.composer.say(tr("There is nothing to export yet: ask something first."))
        return
    dialog = ExportDialog(page)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


class ExportDialog(Sheet):
    """``saved`` is where it went, None before it did."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(520, None, page)
        self._page = page
        self._kept = QSettings(str(page.bench.paths.window), QSettings.Format.IniFormat)
        self._errands = page.errands.branch()
        self._job: Job | None = None
        self.saved: Path | None = None
        self.opens = QDesktopServices.openUrl  # tests put their own here
        self.setWindowTitle(tr("Export this comparison"))
        self.forms = QButtonGroup(self)
        self._choices: dict[Format, QRadioButton] = {}
        self.audit = QCheckBox(tr("Everything needed to ask it so again"))
        self.audit.setToolTip(tr("Seeds, samplings, hashes of the models, versions of the engine"))
        self.audit.setChecked(True)
        self.rated = QCheckBox(tr("Ratings out of all votes so far"))
        self.told = label(role="small", wrap=True)
        self.told.hide()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of the export"))
        self.bar.hide()
        self.folder = text_button(tr("Open the folder"))
        self.folder.clicked.connect(self.open_folder)
        self.folder.hide()
        self.save_button = text_button(tr("Save…"), kind="primary")
        self.save_button.clicked.connect(self.choose)
        self.close_button = text_button(tr("Cancel"))
        self.close_button.clicked.connect(self.leave)
        self._lay_out()

    @property
    def form(self) -> Format:
        return next(form for form, button in self._choices.items() if button.isChecked())

    def form_button(self, form: Format) -> QRadioButton:
        return self._choices[form]

    @Slot()
    def choose(self) -> None:
        """Where to; the folder of the last time is offered first."""
        proposed = self._folder() / f"{file_name(self._page.record.title)}.{self.form.value}"
        name, _ = QFileDialog.getSaveFileName(self, tr("Export to"), str(proposed), f"*.{self.form.value}")
        if name:
            self.write(Path(name))

    def write(self, path: Path) -> None:
        """Away from the window's thread.  A name without an ending gets that of the form."""
        target = path if path.suffix else path.with_name(f"{path.name}.{self.form.value}")
        conversation_id = self._page.record.diary.conversation_id
        if self.writing or conversation_id is None:
            return
        task = exporting(
            self._page.bench.history,
            conversation_id,
            target,
            self.form,
            audience=Audience.AUDITOR if self.audit.isChecked() else Audience.READER,
            rated=self.rated.isChecked(),
            # What a blind vote must not know must not be read in a file either.
            hidden=names_hidden(self._page),
            names=names.current(),
        )
        self._job = self._errands.run("export", task, self._written, self._failed, told=self._told, lane=LANE)
        self.saved = None
        self.folder.hide()
        self._say(tr("Reading the answers…"))
        show_endless(self.bar)
        self._show(writing=self.writing)
        self.close_button.setFocus()

    @property
    def writing(self) -> bool:
        return self._job is not None

    def _told(self, event: Exporting) -> None:
        if self.writing and event.total is not None:
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)
            self._say(tr("{done:,} of {total:,} prompts are written", done=event.done, total=event.total))

    def _written(self, path: Path) -> None:
        self.saved = path
        self._kept.setValue(FOLDER, str(path.parent))
        self._kept.setValue(FORM, self.form.value)
        self._say(tr("Saved as {path}.", path=str(path)), Tone.GOOD)
        self._end()
        self.folder.show()
        self.folder.setFocus()
        self.close_button.setText(tr("Close"))

    def _failed(self, error: Exception) -> None:
        problem = Problem.of(error)
        self._say(f"✕ {explained(problem)}", Tone.BAD)
        self._end()
        self.save_button.setFocus()

    @Slot()
    def leave(self) -> None:
        """Stop what is being written; with nothing under way, close."""
        if not self.writing:
            self.reject()
            return
        self._stop()
        self._say(tr("Cancelled: nothing was written."))
        self._end()
        self.save_button.setFocus()

    def done(self, result: int) -> None:
        """However it is closed, nothing of it goes on."""
        self._errands.close()
        self._stop()
        super().done(result)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _end(self) -> None:
        self._job = None
        self._show(writing=False)

    def _show(self, *, writing: bool) -> None:
        for part in (*self._choices.values(), self.audit, self.rated, self.save_button):
            part.setEnabled(not writing)
        self.bar.setVisible(writing)

    @Slot()
    def open_folder(self) -> None:
        if self.saved is not None:
            self.opens(QUrl.fromLocalFile(str(self.saved.parent)))

    def _folder(self) -> Path:
        kept = Path(str(self._kept.value(FOLDER, "")))
        if str(kept) != "." and kept.is_dir():
            return kept
        return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation))

    def _say(self, words: str, tone: Tone = Tone.MUTED) -> None:
        self.told.setText(words)
        theme.mark(self.told, tone=tone)
        self.told.show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        title = label(self._page.record.title, role="subtitle", wrap=True)
        column.addWidget(title)
        choices = QVBoxLayout()
        choices.setSpacing(Space.XS)
        kept = str(self._kept.value(FORM, Format.HTML.value))
        for form, (words, what) in form_words().items():
            button = QRadioButton(words)
            button.setAccessibleDescription(what)
            button.setChecked(form.value == kept)
            self._choices[form] = button
            self.forms.addButton(button)
            choices.addWidget(button)
            choices.addWidget(_indented(what))
        if not any(button.isChecked() for button in self._choices.values()):
            self._choices[Format.HTML].setChecked(True)
        column.addLayout(choices)
        column.addWidget(self.audit)
        column.addWidget(self.rated)
        column.addWidget(self.bar)
        column.addWidget(self.told)
        buttons = QHBoxLayout()
        buttons.addWidget(self.folder)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.save_button)
        column.addLayout(buttons)


def form_words() -> dict[Format, tuple[str, str]]:
    """What each form is called, and what it is for."""
    return {
        Format.HTML: (
            tr("Web page (HTML)"),
            tr("One file to send round: opens in every browser, prints, needs no net"),
        ),
        Format.MARKDOWN: (tr("Markdown"), tr("For a document, a ticket or a wiki")),
        Format.JSON: (tr("JSON"), tr("Everything, for a program")),
        Format.CSV: (tr("CSV"), tr("One line an answer, for a spreadsheet")),
    }


def file_name(title: str) -> str:
    """A title as a file's name: letters, digits and hyphens."""
    kept = re.sub(r"[^\w\-]+", "-", title).strip("-_")[:LONGEST_NAME].rstrip("-_")
    return kept or "comparison"


def _indented(what: str) -> QLabel:
    made = label(what, role="muted", wrap=True)
    made.setContentsMargins(Space.XL, 0, 0, Space.XS)
    return made
