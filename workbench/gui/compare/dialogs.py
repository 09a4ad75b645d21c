"""A pane's own settings, and the prompt its model really read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.engine.templates import NONE, builtin_names, suggestions
from workbench.gui.compare.adapter_list import AdapterList
from workbench.gui.compare.own_asking import OwnAsking
from workbench.gui.compare.record import PaneSettings
from workbench.gui.compare.words import tokens
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.models.file import ModelFile

SMALLEST_CONTEXT, LARGEST_CONTEXT = 256, 10_000_000


class PaneSettingsDialog(Sheet):
    """What this pane does differently from the others."""

    def __init__(
        self,
        pane: Pane,
        current: PaneSettings,
        shared_context: int,
        apply: Callable[[PaneSettings], object],
        parent: QWidget | None = None,
        *,
        shared: Options | None = None,
    ) -> None:
        """``shared`` is how the others are asked."""
        super().__init__(480, None, parent)
        self._apply = apply
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Settings of this pane"))
        self.context = _optional_number(
            tr("Context"), LARGEST_CONTEXT, tr("shared ({count})", count=f"{shared_context:,}"), current.n_ctx
        )
        self.context.setSingleStep(1024)
        self.threads = _optional_number(tr("Threads"), 1024, tr("automatic"), current.n_threads)
        self.template = QComboBox()
        self.template.setAccessibleName(tr("Chat template"))
        for said, value in template_choices(pane.model):
            self.template.addItem(said, value)
        if current.template is not None and self.template.findData(current.template) < 0:
            self.template.addItem(current.template, current.template)
        self.template.setCurrentIndex(max(0, self.template.findData(current.template)))
        self.adapters = AdapterList(current.adapters)
        self.isolated = QCheckBox(tr("Always run this model in a process of its own"))
        self.isolated.setToolTip(
            tr("In every pane, also in later comparisons: a file that crashes llama.cpp takes that process with it")
        )
        self.isolated.setChecked(current.isolated)
        self.isolated.setEnabled(pane.model is not None)
        others = shared or Options()
        self.asking = OwnAsking(current.sampling, current.system, others.sampling, others.system)
        form = QFormLayout()
        form.setSpacing(Space.S)
        form.addRow(tr("Context, tokens"), self.context)
        form.addRow(tr("Threads"), self.threads)
        form.addRow(tr("Chat template"), self.template)
        form.addRow(tr("Adapters"), self.adapters)
        form.addRow("", self.isolated)
        form.addRow(tr("Asking"), self.asking)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.accept_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        if pane.model is not None:
            column.addWidget(label(pane.model.title, role="subtitle"))
            note = tr("Another context, template or adapter loads the model again.")
            if pane.model.n_ctx_train:
                trained = tr("Trained for a context of {count} tokens.", count=f"{pane.model.n_ctx_train:,}")
                note = f"{trained} {note}"
            column.addWidget(label(note, role="muted", wrap=True))
        column.addLayout(form)
        column.addWidget(buttons)

    @Slot()
    def _accept(self) -> None:
        n_ctx = max(self.context.value(), SMALLEST_CONTEXT) if self.context.value() else None
        self._apply(
            PaneSettings(
                n_ctx,
                self.threads.value() or None,
                self.template.currentData(),
                self.adapters.adapters,
                self.isolated.isChecked(),
                self.asking.chosen_sampling,
                self.asking.chosen_system,
            )
        )
        self.accept()


def template_choices(model: ModelFile | None) -> list[tuple[str, str | None]]:
    """Words and name of each; of a model without a template the likeliest come first."""
    lacking = model is not None and model.chat_template is None
    likely = suggestions(model) if model is not None and lacking else ()
    own = tr("Not chosen: the file has none") if lacking else tr("The file's own")
    others = [name for name in builtin_names() if name not in likely]
    return [
        (own, None),
        *((tr("Likely: {name}", name=name), name) for name in likely),
        *((tr("Built in: {name}", name=name), name) for name in others),
        (tr("None: complete raw text"), NONE),
    ]


class RenderedPromptDialog(Sheet):
    """The prompt with its scaffold, as plain text."""

    def __init__(self, pane: Pane, parent: QWidget | None = None) -> None:
        super().__init__(640, 460, parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("What the model read"))
        found = rendered_prompt(pane)
        self.text = QPlainTextEdit(found.text)
        self.text.setReadOnly(True)
        self.text.setProperty("role", "mono")
        self.text.setAccessibleName(tr("Rendered prompt"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        copy = text_button(tr("Copy"))
        copy.clicked.connect(self._copy)
        close = text_button(tr("Close"))
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(copy)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(pane.model.title if pane.model else tr("Rendered prompt"), role="subtitle"))
        column.addWidget(label(found.note, role="muted", wrap=True))
        column.addWidget(self.text, 1)
        column.addLayout(buttons)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    note: str


def rendered_prompt(pane: Pane) -> Rendered:
    """The newest prompt of the pane: of the answer under way, else of the last one that has any."""
    if pane.prompt is not None:
        return Rendered(pane.prompt.text, _note(pane.prompt.template_source, pane.prompt.token_count))
    for exchange in reversed(pane.exchanges):
        answer = exchange.answer
        if answer is not None and answer.rendered_prompt is not None:
            return Rendered(answer.rendered_prompt, _note(answer.template_source, answer.prompt_tokens))
    return Rendered("", tr("Nothing was asked of this pane yet: the prompt is rendered when it is sent."))


def _note(source: str | None, count: int | None) -> str:
    sources = {
        "file": tr("the file's own template"),
        "none": tr("no template: completed raw"),
        "user": tr("a template of yours"),
    }
    words = sources.get(source or "", (source or "").replace("builtin:", tr("built-in template ")))
    known = [tr("Template: {words}", words=words)]
    if count:
        known.append(tr("{tokens}, the beginning-of-text token included", tokens=tokens(count)))
    return " · ".join(known)


def _optional_number(name: str, greatest: int, absent: str, value: int | None) -> QSpinBox:
    box = QSpinBox()
    box.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
    box.setRange(0, greatest)
    box.setSpecialValueText(absent)
    box.setGroupSeparatorShown(True)
    box.setAccessibleName(name)
    box.setValue(value or 0)
    return box
