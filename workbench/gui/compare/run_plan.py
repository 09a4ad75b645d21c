"""How several models share the machine: what is done, what else there is, and what each would cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from workbench.chat.plan import Cost, RunMode, RunPlan
from workbench.gui.compare.waits import about
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, text_button

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage


class RunLine(QWidget):
    """A button that says the mode, with a menu of all of them, and the reasons beside it.

    ``judge`` gives the plan as it would be now; it is asked when the menu opens.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.judge: Callable[[], RunPlan] | None = None
        self.wanted = RunMode.AUTO
        self._models = 0
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill)
        self.button = text_button("", kind="ghost")
        self.button.setMenu(self.menu)
        self.button.setToolTip(tr("How several models share this computer, and what each way costs"))
        self.reasons = ElidedLabel()
        self.reasons.setProperty("role", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        row.addWidget(self.button)
        row.addWidget(self.reasons, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def text(self) -> str:
        """What can be read here."""
        return f"{self.button.text()} {self.reasons.text()}".strip() if self._models > 1 else ""

    def draw(self, models: int, plan: RunPlan | None) -> None:
        """With one model there is nothing to choose."""
        self._models = models
        self.button.setVisible(models > 1)
        mode = plan.mode if plan is not None else self.wanted
        self.button.setText(tr("Run: {mode} ▾", mode=_short(mode)))
        self.button.setAccessibleName(tr("How the models run: {mode}", mode=_short(mode)))
        self.reasons.setText("; ".join(_said(plan)) if plan is not None and models > 1 else "")

    @Slot()
    def _fill(self) -> None:
        self.menu.clear()
        plan = self.judge() if self.judge is not None else None
        group = QActionGroup(self.menu)
        if plan is None:
            return
        self._add(group, RunMode.AUTO, tr("Automatic: {mode}", mode=_short(plan.advised)), "", available=True)
        self.menu.addSeparator()
        for cost in plan.costs:
            words = cost_words(cost, advised=cost.mode is plan.advised)
            self._add(group, cost.mode, words, tr(cost.why), available=cost.available)

    def _add(self, group: QActionGroup, mode: RunMode, words: str, tip: str, *, available: bool) -> None:
        action = QAction(words, group)
        action.setCheckable(True)
        action.setChecked(mode is self.wanted)
        action.setEnabled(available)
        action.setToolTip(tip or words)
        action.setData(mode.value)
        action.triggered.connect(self._on_chosen)
        self.menu.addAction(action)

    @Slot()
    def _on_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.chosen.emit(RunMode(action.data()))


class RunChoice(QObject):
    """Joins the composer's line to the comparison: what is chosen is kept with the conversation."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._line = page.composer.plan
        self._line.judge = page.comparison.judged
        self._line.chosen.connect(self._on_chosen)
        self._judged_for: tuple[object, ...] | None = None  # None: judged for what runs, perhaps one pane only
        page.drawn.connect(self._follow)
        self._follow()

    @Slot(object)
    def _on_chosen(self, mode: RunMode) -> None:
        page = self._page
        page.commit_options()
        page.record.set_options(replace(page.comparison.options, mode=mode), page.record.context)
        page.show_options()
        if not page.comparison.busy:  # what runs goes on as it began
            page.comparison.plan = page.comparison.judged()
        page.do(self._follow)

    @Slot()
    def _follow(self) -> None:
        """What is said is how the next prompt would run: judged anew for other models, and after each run."""
        comparison = self._page.comparison
        self._line.wanted = comparison.options.mode
        asked = tuple((pane.id, pane.model) for pane in comparison.panes if pane.model is not None)
        if comparison.busy:
            self._judged_for = None
        elif comparison.plan is not None and asked != self._judged_for:
            self._judged_for = asked
            comparison.plan = comparison.judged()
            self._line.draw(len(asked), comparison.plan)


def _said(plan: RunPlan) -> list[str]:
    """The reasons, and the price where it is known; of swapping also that it is not."""
    cost = next((cost for cost in plan.costs if cost.mode is plan.mode and cost.available), None)
    priced = cost is not None and (cost.about_s is not None or cost.mode is RunMode.SWAP)
    return [*map(tr, plan.reasons), *([_price(cost)] if cost is not None and priced else [])]


def cost_words(cost: Cost, *, advised: bool) -> str:
    """ "Taking turns: fair speeds; about 40 s for 3 answers (the planner's choice)"."""
    if not cost.available:
        return tr("{mode}: not possible, {why}", mode=_long(cost.mode), why=tr(cost.why).split("; ")[0])
    said = tr("{mode}; {price}", mode=_long(cost.mode), price=_price(cost))
    return tr("{words} (the planner's choice)", words=said) if advised else said


def _price(cost: Cost) -> str:
    if cost.about_s is not None:
        time = about(cost.about_s)
        if cost.answers == 1:
            return tr("{time} for one answer", time=time)
        if cost.loading_s is None:
            return tr("{time} for {count} answers", time=time, count=cost.answers)
        loading = about(cost.loading_s)
        return tr("{time} for {count} answers, {loading} of it loading", time=time, count=cost.answers, loading=loading)
    if cost.loading_s is not None:
        return tr("{time} of loading a round", time=about(cost.loading_s))
    if cost.mode is RunMode.SWAP:
        return tr("how long is known after the first loads")
    return tr("how long is known after the first answers")


def _short(mode: RunMode) -> str:
    match mode:
        case RunMode.TOGETHER:
            return tr("together")
        case RunMode.IN_TURN:
            return tr("in turn")
        case RunMode.SWAP:
            return tr("swap")
        case _:
            return tr("automatic")


def _long(mode: RunMode) -> str:
    match mode:
        case RunMode.TOGETHER:
            return tr("Together: all at once, they slow each other down")
        case RunMode.IN_TURN:
            return tr("Taking turns: fair speeds")
        case _:
            return tr("Swap: loads each model anew")
