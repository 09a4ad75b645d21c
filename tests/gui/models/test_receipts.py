"""Receipts: one quiet line in a pane, a table on the Machine page, and a report without the user's paths."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.models.receipts import MB, receipt
from workbench.gui.models import words as said
from workbench.gui.models.receipt_line import ReceiptLine
from workbench.gui.models.receipts_card import ReceiptsCard
from workbench.models.receipt import Growth

VERSIONS = ["workbench 0.1.0", "engine llama.cpp 1.2"]


def versions() -> list[str]:
    return VERSIONS


def line(qtbot: QtBot, width: int = 600) -> ReceiptLine:
    shown = ReceiptLine(versions)
    qtbot.addWidget(shown)
    shown.resize(width, 36)
    return shown


def plain(text: str) -> str:
    return text.replace(said.GAP, " ")


def test_a_load_as_predicted_is_said_quietly(qtbot: QtBot) -> None:
    shown = line(qtbot)
    shown.draw(None)
    assert shown.isHidden()
    shown.draw(receipt())
    assert not shown.isHidden()
    assert plain(shown.line.text()) == "Memory: 213 MB, as predicted"
    assert "predicted 214 MB · llama.cpp 213 MB · −0.5 %" in plain(shown.line.toolTip())
    assert shown.line.property("tone") == "muted"


def test_a_load_more_than_two_percent_off_is_marked(qtbot: QtBot) -> None:
    shown = line(qtbot)
    shown.draw(receipt(reported_mb=230))
    assert plain(shown.line.text()) == "△ predicted 214 MB · llama.cpp 230 MB · +7.5 %"
    assert shown.line.property("tone") == "caution"
    assert "worth a report" in shown.toolTip()


@pytest.mark.parametrize("width", [600, 160])
def test_the_tool_tip_says_what_the_process_grew_by_however_narrow_the_pane(qtbot: QtBot, width: int) -> None:
    shown = line(qtbot, width)
    shown.draw(receipt())
    assert "growth of this process: 240 MB" in shown.line.toolTip()
    assert "growth of this process: 240 MB" in shown.line.accessibleDescription()


def test_a_narrow_pane_keeps_the_difference(qtbot: QtBot) -> None:
    shown = line(qtbot, width=240)
    shown.draw(receipt(reported_mb=230))
    assert plain(shown.line.text()) == "△ predicted 214 MB · +7.5 %"


def test_the_report_has_versions_and_parameters_and_no_path_of_the_user(qtbot: QtBot) -> None:
    shown = line(qtbot)
    shown.draw(receipt(reported_mb=230))
    qtbot.mouseClick(shown.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    for part in (*VERSIONS, "alpha.gguf", "type_k = q8_0", "n_ctx = 4096", "230,000,000 bytes", "ab" * 32):
        assert part in copied
    assert "secret" not in copied
    assert "somebody" not in copied


def test_a_path_of_windows_is_shortened_too() -> None:
    report = said.receipt_report([replace(receipt(), model_path="C:\\Users\\somebody\\alpha.gguf")], [])
    assert "(alpha.gguf)" in report
    assert "somebody" not in report


def test_growth_says_when_it_cannot_be_compared() -> None:
    assert said.growth_words(receipt()) == "240 MB"
    assert said.growth_words(receipt(shared=True)) == "240 MB (weights shared)"
    assert said.growth_words(receipt(growth=Growth(240 * MB, (), alone=False))) == "240 MB (others busy)"
    assert said.growth_words(receipt(growth=Growth(None, (), alone=True))) == "not measured"


def test_the_table_lists_the_last_loads_and_marks_those_that_are_off(qtbot: QtBot) -> None:
    card = ReceiptsCard(versions)
    qtbot.addWidget(card)
    card.show()
    assert "No model was loaded yet." in words(card)
    card.draw([receipt("beta", reported_mb=230), receipt("alpha")])
    cells = [[card.table.item(row, column).text() for column in range(6)] for row in range(2)]
    assert cells[0][:3] == ["beta", "Q4_1", "4,096"]
    assert [plain(row[5]) for row in cells] == ["△ +7.5 %", "−0.5 %"]
    assert "No model was loaded yet." not in words(card)


def test_the_table_copies_what_is_selected_else_everything(qtbot: QtBot) -> None:
    card = ReceiptsCard(versions)
    qtbot.addWidget(card)
    card.show()
    card.draw([receipt("beta"), receipt("alpha")])
    qtbot.mouseClick(card.copy_button, Qt.MouseButton.LeftButton)
    both = QGuiApplication.clipboard().text()
    card.table.selectRow(1)
    qtbot.mouseClick(card.copy_button, Qt.MouseButton.LeftButton)
    one = QGuiApplication.clipboard().text()
    assert "alpha.gguf" in both
    assert "beta.gguf" in both
    assert "alpha.gguf" in one
    assert "beta.gguf" not in one
