"""One pane: its head, what it says when empty, and its answers.  Draws a ``Pane`` and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.chat.pane import Pane
from workbench.gui import theme
from workbench.gui.compare.exchange import ProblemCard
from workbench.gui.compare.header import PaneHeader
from workbench.gui.compare.picker import ModelPicker
from workbench.gui.compare.shelf import Shelf
from workbench.gui.compare.template_notice import TemplateNotice
from workbench.gui.compare.transcript import Transcript
from workbench.gui.compare.wishes import Wish
from workbench.gui.compare.words import pane_line
from workbench.gui.models.receipt_line import ReceiptLine
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.words import FitState, parameter_count

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

WIDTH = 244  # pixels at 100 % text: less is no column to read


class PaneDeeds(Protocol):
    """What a pane's controls ask for."""

    def pick(self, pane: Pane, model: ModelFile) -> None: ...

    def browse(self, pane: Pane) -> None: ...

    def stop(self, pane: Pane) -> None: ...

    def regenerate(self, pane: Pane) -> None: ...

    def unload(self, pane: Pane) -> None: ...

    def close_pane(self, pane: Pane) -> None: ...

    def settings(self, pane: Pane) -> None: ...

    def use_template(self, pane: Pane, template: str) -> None: ...

    def show_prompt(self, pane: Pane) -> None: ...

    def load_options(self, pane: Pane) -> None: ...

    def load_anyway(self, pane: Pane) -> None: ...

    def versions(self) -> list[str]: ...


class PaneView(QFrame):
    """``wished`` tells the pane, one of its exchanges, what is wished of it (``Wish``) and the wish's argument;
    ``one_wished`` tells the id of the pane that is to have all the room, or no longer."""

    wished = Signal(object, object, str, object)
    one_wished = Signal(object)

    def __init__(self, pane: Pane, shelf: Shelf, deeds: PaneDeeds, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "pane")
        self.pane = pane
        self._deeds = deeds
        self._shelf = shelf
        self._opening = ""
        self.header = PaneHeader()
        self.template_notice = TemplateNotice()
        self.picker = ModelPicker(shelf, self)
        self.transcript = Transcript()
        self.empty = EmptyPane()
        self.notice = _Notice()
        self.receipt = ReceiptLine(deeds.versions)
        self._body = QStackedWidget()
        self._body.addWidget(self.empty)
        self._body.addWidget(self.transcript)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        for part in (self.header, self.notice, self.template_notice):
            column.addWidget(part)
        column.addWidget(self._body, 1)
        column.addWidget(self.receipt)
        self._connect()
        self._fill_menu()

    def draw(
        self,
        found: FitState | None,
        *,
        opening: str = "",
        alone: bool = False,
        own: Sequence[str] = (),
        apart: str = "",
    ) -> None:
        """``found`` is the fit of the pane's model; ``opening`` the name of a file that is being looked for; ``own``
        what the pane does differently, ``apart`` what tells it from another pane with the same model."""
        pane = self.pane
        title = pane.model.title if pane.model is not None else tr("no model")
        self.setAccessibleName(tr("Pane: {title}", title=f"{title}, {apart}" if apart else title))
        self.header.draw(
            pane, pane_line(pane, found, opening=opening), opening=opening, apart="" if apart in own else apart
        )
        self.header.show_own(own, apart)
        self.header.set_alone(alone=alone)
        self.close_action.setEnabled(not alone)
        self.one_action.setEnabled(not alone)
        self.notice.show_problem(self._problem_of_its_own(), title)
        self.template_notice.draw(pane)
        self.empty.draw(pane, opening, any_models=bool(self._shelf.models) or not self._shelf.looked)
        self.transcript.draw(pane)
        self.receipt.draw(pane.receipt if pane.loaded else None)
        self._body.setCurrentWidget(self.transcript if pane.exchanges else self.empty)
        self._enable_menu()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(200))

    @Slot()
    def open_picker(self) -> None:
        if not self.pane.busy:
            self.picker.open_below(self.header.model, self.pane.model)

    def _problem_of_its_own(self) -> Problem | None:
        """A problem that no answer shows already."""
        pane = self.pane
        shown = pane.exchanges[-1].answer if pane.exchanges else None
        return None if shown is not None and shown.error is pane.problem else pane.problem

    # --- what the controls ask for -----------------------------------------------------------

    def _connect(self) -> None:
        self.header.pick.connect(self.open_picker)
        self.header.stop.connect(self._stop)
        self.header.close_pane.connect(self._close)
        self.picker.picked.connect(self._pick)
        self.picker.browse.connect(self._browse)
        self.empty.choose.clicked.connect(self.open_picker)
        self.empty.browse.clicked.connect(self._browse)
        self.template_notice.chosen.connect(self._use_template)
        self.template_notice.more.connect(self._settings)
        self.header.one_wished.connect(self._toggle_one)
        self.header.own.clicked.connect(self._settings)
        self.transcript.wished.connect(self._on_wish)
        self.transcript.load_anyway.connect(self._load_anyway)
        self.transcript.load_options.connect(self._load_options)

    def _fill_menu(self) -> None:
        menu = self.header.menu
        self.one_action = menu.addAction(tr("Only this pane, or all again"), self._toggle_one)
        self.one_action.setShortcut(QKeySequence("Ctrl+Shift+F"))
        self.one_action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # the page has the key itself
        menu.addSeparator()
        self.settings_action = menu.addAction(tr("Context, template, adapters…"), self._settings)
        self.load_action = menu.addAction(tr("Load options: memory and parameters…"), self._load_options)
        self.prompt_action = menu.addAction(tr("What the model read…"), self._show_prompt)
        menu.addSeparator()
        self.again_action = menu.addAction(tr("Answer again"), self._regenerate)
        self.copy_action = menu.addAction(tr("Copy the answer"), self._copy)
        self.continue_action = menu.addAction(
            tr("All panes go on from this answer"), partial(self._wish_of_newest, Wish.CONTINUE_ALL)
        )
        self.differences_action = menu.addAction(
            tr("Differences to another pane…"), partial(self._wish_of_newest, Wish.DIFFERENCES)
        )
        self.export_action = menu.addAction(tr("Export this comparison…"), partial(self._wish_of_newest, Wish.EXPORT))
        menu.addSeparator()
        self.unload_action = menu.addAction(tr("Unload: free its memory"), self._unload)
        self.close_action: QAction = menu.addAction(tr("Close this pane"), self._close)

    def _enable_menu(self) -> None:
        pane = self.pane
        answered = bool(pane.exchanges) and pane.exchanges[-1].answer is not None
        self.settings_action.setEnabled(pane.model is not None and not pane.busy)
        self.load_action.setEnabled(pane.model is not None and not pane.busy)
        self.prompt_action.setEnabled(bool(pane.exchanges))
        self.again_action.setEnabled(answered and pane.model is not None and not pane.busy)
        for action in (self.copy_action, self.differences_action, self.export_action):
            action.setEnabled(answered)
        self.continue_action.setEnabled(answered and not pane.busy)
        self.unload_action.setEnabled(pane.loaded and not pane.busy)

    @Slot(object, str, object)
    def _on_wish(self, exchange: object, wish: str, argument: object) -> None:
        self.wished.emit(self.pane, exchange, wish, argument)

    def _wish_of_newest(self, wish: Wish) -> None:
        if self.pane.exchanges:
            self._on_wish(self.pane.exchanges[-1], wish.value, None)

    @Slot()
    def _toggle_one(self) -> None:
        self.one_wished.emit(self.pane.id)

    @Slot(object)
    def _pick(self, model: object) -> None:
        from workbench.models.file import ModelFile

        if isinstance(model, ModelFile):
            self._deeds.pick(self.pane, model)

    @Slot()
    def _browse(self) -> None:
        self._deeds.browse(self.pane)

    @Slot()
    def _stop(self) -> None:
        self._deeds.stop(self.pane)

    @Slot()
    def _regenerate(self) -> None:
        self._deeds.regenerate(self.pane)

    @Slot()
    def _unload(self) -> None:
        self._deeds.unload(self.pane)

    @Slot()
    def _close(self) -> None:
        self._deeds.close_pane(self.pane)

    @Slot()
    def _settings(self) -> None:
        self._deeds.settings(self.pane)

    @Slot(str)
    def _use_template(self, template: str) -> None:
        self._deeds.use_template(self.pane, template)

    @Slot()
    def _show_prompt(self) -> None:
        self._deeds.show_prompt(self.pane)

    @Slot()
    def _load_options(self) -> None:
        self._deeds.load_options(self.pane)

    @Slot()
    def _load_anyway(self) -> None:
        self._deeds.load_anyway(self.pane)

    @Slot()
    def _copy(self) -> None:
        answer = self.pane.exchanges[-1].answer if self.pane.exchanges else None
        if answer is not None:
            QGuiApplication.clipboard().setText(answer.text)


class EmptyPane(QWidget):
    """What to do with a pane that has nothing to show yet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = label(role="subtitle", wrap=True)
        self.words = label(role="muted", wrap=True)
        for part in (self.title, self.words):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.choose = text_button(tr("Choose a model…"))
        self.browse = text_button(tr("Open GGUF file…"), kind="link")
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.S)
        column.addStretch(2)
        column.addWidget(self.title)
        column.addWidget(self.words)
        column.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def draw(self, pane: Pane, opening: str, *, any_models: bool) -> None:
        model = pane.model
        for button in (self.choose, self.browse):
            button.setVisible(model is None and not opening)
        if not any_models:
            self.choose.hide()
        if model is not None:
            self.title.setText(tr("Ready"))
            asking = tr("Ask below: the model is loaded with the first question.")
            self.words.setText(f"{_facts(model)}\n\n{asking}")
        elif opening:
            self.title.setText(tr("Opening…"))
            self.words.setText(opening)
        else:
            self.title.setText(tr("No model yet"))
            self.words.setText(
                tr("Choose a model for this pane, or drop a GGUF file on the window.")
                if any_models
                else tr("Drop a GGUF file on the window, or open one. Help ▸ Get started offers small models to try.")
            )


class _Notice(QWidget):
    """A problem of the pane itself, above its answers."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: Problem | None = None
        self.card: ProblemCard | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.M, Space.M, Space.M, 0)
        self.hide()

    def show_problem(self, problem: Problem | None, model: str) -> None:
        if problem is self.problem:
            return
        self.problem = problem
        if self.card is not None:
            self.card.hide()
            self.card.deleteLater()
            self.card = None
        if problem is not None:
            self.card = ProblemCard(problem, model)
            self._column.addWidget(self.card)
        self.setVisible(problem is not None)


def _facts(model: ModelFile) -> str:
    from workbench.hardware.words import human_bytes

    facts = [tr("{count} parameters", count=parameter_count(model.parameter_count)), human_bytes(model.size_bytes)]
    if model.n_ctx_train:
        facts.append(tr("trained for {n:,} tokens", n=model.n_ctx_train))
    if model.licence:
        facts.append(tr("licence {name}", name=model.licence))
    return " · ".join(facts)
