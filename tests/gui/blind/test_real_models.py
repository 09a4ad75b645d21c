"""A blind round on real weights: two models, real answers, one vote, the names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.blind.conftest import Blind
from tests.gui.blind.telling import told
from tests.gui.blind.test_round import press
from tests.gui.conftest import words
from workbench.app import Workbench
from workbench.gui import theme
from workbench.gui.window import MainWindow
from workbench.models.naming import called


@pytest.fixture
def real(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, home: Path, smollm2_path: Path, gemma_path: Path
) -> Iterator[Blind]:
    theme.apply(qapp, "light", 1.0)
    # Greedy: drawn at random, the base model says nothing at all to one prompt in a hundred.
    with Workbench.open(
        data_dir=tmp_path / "data", flags={"max_tokens": 24, "context": 512, "temperature": 0.0}
    ) as bench:
        bench.library.add(smollm2_path)
        bench.library.add(gemma_path)
        window = MainWindow(bench)
        qtbot.addWidget(window)
        window.show()
        qtbot.waitUntil(lambda: window.runner.idle and window.compare.shelf.looked)
        yield Blind(bench, window, qtbot)
        window.close()


def test_two_real_models_are_judged_blind(real: Blind) -> None:
    titles = [model.title for model in real.bench.library.files()]
    real.choose(*titles[:2])
    real.mode.toggle()
    real.ask("Name three colours.")
    shown = real.stage.currentWidget()
    assert shown is real.stage.voting
    said = "\n".join(text for _, text in told(real.window)).casefold()
    for model in real.bench.library.files():
        assert model.title.casefold() not in said
        assert model.name.casefold() not in said
    assert "tok/s" not in said
    press(real, Qt.Key.Key_1)
    reveal = words(real.stage.reveal)
    for pane in real.page.comparison.panes:
        assert pane.model is not None
        assert called(pane.model.title, pane.model.quantisation) in reveal
    assert "tok/s" in reveal
    ((outcome, blind),) = real.votes()
    assert (outcome, blind) == ("LEFT", True)
    (vote,) = real.bench.history.ballots.counted()
    answers = {exchange.generation_id for pane in real.page.comparison.panes for exchange in pane.exchanges}
    assert {vote.left.answer, vote.right.answer} == answers
