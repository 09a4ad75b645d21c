"""The look: readable in both schemes, complete, and following the system."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QComboBox, QFrame, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.colours import BODY_TEXT, contrast
from workbench.gui import theme
from workbench.gui.theme import DARK, LIGHT, Tokens, Tone
from workbench.paths import resources

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    theme.apply(qapp, "system", 1.0)


@BOTH
@pytest.mark.parametrize("name", ["text", "muted", "accent", "good", "caution", "bad", "llama", "mistral", "gemma"])
@pytest.mark.parametrize("ground", ["background", "surface", "raised"])
def test_every_text_colour_is_readable_on_every_ground(tokens: Tokens, name: str, ground: str) -> None:
    assert contrast(tokens.color(name), tokens.color(ground)) >= BODY_TEXT


@BOTH
def test_text_on_the_accent_and_in_code_is_readable(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= BODY_TEXT
    assert contrast(tokens.on_accent, tokens.accent_hover) >= BODY_TEXT
    assert contrast(tokens.text, tokens.code) >= BODY_TEXT
    assert contrast(tokens.muted, tokens.code) >= BODY_TEXT


@BOTH
@pytest.mark.parametrize("tone", [tone for tone in Tone if tone])
def test_chips_and_problems_are_readable_on_their_own_tint(tokens: Tokens, tone: Tone) -> None:
    assert contrast(tokens.color(tone), tokens.soft(tone)) >= BODY_TEXT
    assert contrast(tokens.text, tokens.soft(tone)) >= BODY_TEXT


@BOTH
def test_the_style_sheet_has_no_placeholder_and_no_colour_of_its_own(tokens: Tokens) -> None:
    source = (resources() / "theme.qss").read_text(encoding="utf-8")
    assert not re.findall(r"#[0-9A-Fa-f]{3,8}\b", source)
    sheet = theme.style_sheet(tokens, 1.0)
    assert "@" not in sheet
    pictures = re.findall(r'url\("([^"]+)"\)', sheet)
    assert pictures
    assert all((resources() / "icons" / picture.rsplit("/", 1)[1]).is_file() for picture in pictures)


def test_a_chosen_scheme_is_kept_and_reported(app: QApplication, qtbot: QtBot) -> None:
    theme.apply(app, "light", 1.0)
    with qtbot.waitSignal(theme.changed):
        theme.apply(app, "dark", 1.0)
    assert theme.current() is DARK
    assert app.palette().color(QPalette.ColorRole.Window).name().upper() == DARK.background
    theme.apply(app, "light", 1.0)
    assert theme.current() is LIGHT


def test_the_system_mode_follows_the_system(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.apply(app, "system", 1.0)
    # The offscreen platform has no scheme of its own to switch.
    monkeypatch.setattr(theme, "_system_is_dark", lambda _: True)
    app.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme.current() is DARK
    theme.apply(app, "light", 1.0)
    app.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme.current() is LIGHT


def test_larger_text_makes_fonts_and_targets_grow(app: QApplication, qtbot: QtBot) -> None:
    heights = []
    for scale in (1.0, 1.5):
        theme.apply(app, "light", scale)
        label, button, combo = QLabel("Compare"), QPushButton("Send"), QComboBox()
        combo.addItem("Llama 3.2 3B")
        label.setProperty("role", "title")
        for widget in (label, button, combo):
            qtbot.addWidget(widget)
            widget.ensurePolished()
            assert widget.sizeHint().height() >= widget.fontMetrics().height()
        assert button.sizeHint().height() >= 28
        assert combo.sizeHint().height() >= 28
        heights.append(label.sizeHint().height())
    assert heights[1] > 1.3 * heights[0]


def test_marking_a_widget_restyles_it_at_once(app: QApplication, qtbot: QtBot) -> None:
    theme.apply(app, "light", 1.0)
    frame = QFrame()
    qtbot.addWidget(frame)
    label = QLabel("✕ too big by 1.8 GB", frame)
    theme.mark(label, role="chip", tone=Tone.BAD)
    label.ensurePolished()
    assert label.palette().color(QPalette.ColorRole.WindowText).name().upper() == LIGHT.bad
    theme.mark(label, tone=Tone.GOOD)
    assert label.palette().color(QPalette.ColorRole.WindowText).name().upper() == LIGHT.good


def test_the_programs_icon_is_drawn(app: QApplication) -> None:
    picture = theme.app_icon().pixmap(64, 64).toImage()
    assert not picture.isNull()
    assert picture.pixelColor(32, 30).name() == "#ffffff"


def test_widgets_made_undressed_wear_the_style_sheet_when_they_are_shown(app: QApplication, qtbot: QtBot) -> None:
    theme.apply(app, "light", 1.0)
    sheet = app.styleSheet()
    assert sheet
    with theme.undressed(app):
        assert app.styleSheet() == ""
        made = QPushButton("Send")
        made.setProperty("kind", "primary")
        qtbot.addWidget(made)
    assert app.styleSheet() == sheet
    made.show()
    dressed = QPushButton("Send")
    dressed.setProperty("kind", "primary")
    qtbot.addWidget(dressed)
    dressed.show()
    assert made.sizeHint() == dressed.sizeHint()
    assert made.palette() == dressed.palette()


def test_the_style_sheet_comes_back_also_where_making_failed(app: QApplication) -> None:
    theme.apply(app, "dark", 1.0)
    sheet = app.styleSheet()
    with pytest.raises(LookupError), theme.undressed(app):
        raise LookupError
    assert app.styleSheet() == sheet
