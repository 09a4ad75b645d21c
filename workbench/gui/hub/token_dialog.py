"""The access token of the hub, for what publishers give to accounts only: entered, checked, kept and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.errands import Errands, errand
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.sheet import Sheet
from workbench.hub.account import Account
from workbench.hub.tokens import SERVICE, VARIABLES, TokenSource, TokenState
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "tokens"
WIDTH = 560  # pixels at 100 % text
EXPLAINED = later(
    "Some publishers give their models only to accounts that accepted their terms. A token "
    "of such an account, with the right to read, lets this program fetch them. It is sent "
    "to this hub alone."
)
KEEPING = later("Keep puts it into this system’s password store, as “{service}”; nothing is written to a file.")
NO_STORE = later(
    "Nothing can be kept here: {problem} Set the environment variable {variable} before this program starts instead."
)
_FROM = {
    TokenSource.NONE: later("There is no token."),
    TokenSource.ENVIRONMENT: later("✓ A token comes from the environment ({variable}); it counts before a kept one."),
    TokenSource.KEYRING: later("✓ A token is kept in this system’s password store. Forget removes it."),
    TokenSource.HF_FILE: later("✓ A token comes from the file of the hub’s own command line."),
}


class TokenDialog(Sheet):
    """``changed`` is emitted when another token counts."""

    changed = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, None, parent)
        self._bench, self._errands = workbench, errands.branch()
        self._job: Job | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Access token"))
        self.hub = label(
            tr("Hub: {hub_endpoint}", hub_endpoint=workbench.settings.hub_endpoint), role="mono", wrap=True
        )
        self.state = label(tr("Looking…"), wrap=True)
        self.where = label(tr(KEEPING, service=SERVICE), role="muted", wrap=True)
        self.notice = Notice()
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText(tr("Paste a token; it begins with hf_"))
        self.field.setAccessibleName(tr("Access token"))
        self.check_button = text_button(tr("Check"))
        self.check_button.setToolTip(tr("Asks the hub whose the token is"))
        self.keep_button = text_button(tr("Keep"), kind="primary")
        self.forget_button = text_button(tr("Forget"))
        self.close_button = text_button(tr("Close"))
        self._arrange()
        self.field.textChanged.connect(self._draw)
        self.field.returnPressed.connect(self._on_keep)
        self.check_button.clicked.connect(self._on_check)
        self.keep_button.clicked.connect(self._on_keep)
        self.forget_button.clicked.connect(self._on_forget)
        self.close_button.clicked.connect(self.reject)
        self._known: TokenState | None = None
        self._draw()
        self._run("look for a token", workbench.token_state, self._show)

    @property
    def busy(self) -> bool:
        return self._job is not None

    # --- asked -------------------------------------------------------------------------------

    @Slot()
    def _on_check(self) -> None:
        if self.busy:
            return
        self.notice.clear()
        task = self._bench.account(self.field.text().strip() or None)
        self._job = self._errands.run("check a token", task, self._checked, self._failed, lane=LANE)
        self._draw()

    def _checked(self, found: Account) -> None:
        self._job = None
        may = {"read": tr(", and may read"), "write": tr(", and may read and write")}.get(found.role or "", "")
        hint = tr("To read is enough: one that may only read is safer.") if found.role == "write" else None
        self.notice.say(
            tr("✓ It is a token of the account “{name}”{may}.", name=found.name, may=may), hint, tone=Tone.ACCENT
        )
        self._draw()

    @Slot()
    def _on_keep(self) -> None:
        if self.busy or not self.keep_button.isEnabled():
            return
        self.notice.clear()
        self._run("keep a token", partial(self._bench.keep_token, self.field.text()), self._kept)

    def _kept(self, state: TokenState) -> None:
        self.field.clear()
        self._show(state)
        self.changed.emit()

    @Slot()
    def _on_forget(self) -> None:
        if not self.busy:
            self.notice.clear()
            self._run("forget a token", self._forget, self._forgotten)

    def _forget(self) -> TokenState:
        self._bench.forget_token()
        return self._bench.token_state()

    def _forgotten(self, state: TokenState) -> None:
        self._show(state)
        self.notice.say(
            tr("It is forgotten here."),
            tr("To make it useless everywhere, revoke it on your account’s page."),
            tone=Tone.ACCENT,
        )
        self.changed.emit()

    def _run(self, name: str, work: Callable[[], TokenState], done: Callable[[TokenState], None]) -> None:
        def ended(state: TokenState) -> None:
            self._job = None
            done(state)

        self._job = self._errands.run(name, errand(work), ended, self._failed, lane=LANE)
        self._draw()

    def _failed(self, error: Exception) -> None:
        self._job = None
        problem = Problem.of(error)
        self.notice.tell(problem)
        self._draw()

    # --- shown -------------------------------------------------------------------------------

    def _show(self, state: TokenState) -> None:
        self._known = state
        self.state.setText(tr(_FROM[state.source], variable=VARIABLES[0]))
        theme.mark(self.state, tone=Tone.NONE if state.source is TokenSource.NONE else Tone.GOOD)
        kept = tr(KEEPING, service=SERVICE)
        lost = tr(NO_STORE, problem=state.problem, variable=VARIABLES[0])
        self.where.setText(lost if state.problem else kept)
        theme.mark(self.where, tone=Tone.CAUTION if state.problem else Tone.MUTED)
        self._draw()

    @Slot()
    def _draw(self) -> None:
        given = bool(self.field.text().strip())
        source = self._known.source if self._known is not None else TokenSource.NONE
        self.check_button.setEnabled(not self.busy and (given or source is not TokenSource.NONE))
        self.keep_button.setEnabled(not self.busy and given)
        self.forget_button.setVisible(source is TokenSource.KEYRING)
        self.forget_button.setEnabled(not self.busy)

    @Slot()
    def reject(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._errands.close()
        self.field.clear()
        super().reject()

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(Space.S)
        line.addWidget(self.field, 1)
        line.addWidget(self.check_button)
        line.addWidget(self.keep_button)
        buttons = QHBoxLayout()
        buttons.addWidget(self.forget_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Access token"), role="title"))
        for part in (label(tr(EXPLAINED), wrap=True), self.hub, self.state):
            column.addWidget(part)
        column.addLayout(line)
        column.addWidget(self.where)
        column.addWidget(self.notice)
        column.addLayout(buttons)
