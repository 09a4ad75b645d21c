"""What a load or an answer leaves behind: the receipt, the speed, and the answer as it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.chat.answer import Answer, measured
from workbench.chat.crew import Question
from workbench.chat.ledger import Ledger
from workbench.chat.pane import Pane
from workbench.chat.seat import Answered
from workbench.engine.base import EngineFacts, Request

if TYPE_CHECKING:
    from workbench.chat.waiting import Seconds
    from workbench.hardware.power import Mark, PowerWatch
    from workbench.models.file import ModelFile


class Findings:
    """Without a ledger nothing is learnt, without ``power`` nothing is known of the conditions."""

    def __init__(self, ledger: Ledger | None, power: PowerWatch | None) -> None:
        self._ledger = ledger
        self._power = power

    def mark(self) -> Mark | None:
        """How the machine is when an answer begins."""
        return self._power.mark() if self._power is not None else None

    def load_s(self, model: ModelFile) -> Seconds | None:
        return self._ledger.load_s(model) if self._ledger is not None else None

    def loaded(self, pane: Pane, facts: EngineFacts) -> None:
        pane.receipt = None
        if self._ledger is not None and pane.model is not None and pane.fit is not None:
            pane.receipt = self._ledger.loaded(pane.model, pane.fit, facts)

    def settle(self, pane: Pane, facts: EngineFacts | None) -> None:
        """A load's growth is final once its first answer ended, however that was."""
        if self._ledger is not None and pane.receipt is not None and not pane.receipt.id and facts is not None:
            pane.receipt = self._ledger.settled(pane.receipt, facts)

    def answered(self, pane: Pane, asked: Question, request: Request, result: Answered, *, disturbed: bool) -> Answer:
        """A speed is learnt only from an answer beside which nothing else was ``disturbed`` by."""
        self.settle(pane, result.facts)
        if self._ledger is not None and pane.fit is not None and not disturbed:
            self._ledger.answered(asked.load.model, pane.fit, result.facts, request, result.completion)
        told = self._power.since(asked.began) if self._power is not None and asked.began is not None else None
        return measured(
            asked.load, request, result.completion, result.facts,
            fresh=result.fresh, advised=asked.advised, receipt=pane.receipt, own_system=pane.system,
            conditions=told.conditions if told is not None else (),
        )  # fmt: skip
