"""Every text that the style sheet draws can be read on the ground it draws it on, in both schemes."""

from __future__ import annotations

import re

import pytest
from pygments.token import Token
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit

from tests.gui.colours import BODY_TEXT, SHAPES, Part, Sheet, contrast
from workbench.gui import theme
from workbench.gui.markdown import _formatter
from workbench.gui.theme import DARK, LIGHT, Tokens

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
COLOUR = re.compile(r"#[0-9A-F]{6}")
WITH_TEXT = {"", "item", "section", "tab", "title"}  # parts of widgets on which words stand


def grounds(tokens: Tokens) -> dict[str, str]:
    """What a widget without a background of its own may stand on."""
    return {"background": tokens.background, "surface": tokens.surface, "raised": tokens.raised}


def texts(tokens: Tokens) -> list[tuple[Part, str, list[str]]]:
    """Each part that has text, its colour and the grounds it may have."""
    sheet = Sheet.read(theme.style_sheet(tokens, 1.0))
    found = []
    for part in sheet.parts():
        color = sheet.value(part, "color") or tokens.text
        ground = sheet.value(part, "background") or "transparent"
        if part.piece not in WITH_TEXT or color == "transparent":  # a bar's own figure is not drawn
            continue
        found.append((part, color, [ground] if COLOUR.fullmatch(ground) else [*grounds(tokens).values()]))
    return found


def least(part: Part) -> float:
    return SHAPES if "disabled" in part.states else BODY_TEXT


def test_a_sheet_is_read_as_qt_reads_it() -> None:
    sheet = Sheet.read(theme.style_sheet(LIGHT, 1.0))
    primary = Part("QPushButton", attributes=frozenset({("kind", "primary")}))
    assert sheet.value(primary, "background") == LIGHT.accent
    assert sheet.value(primary, "color") == LIGHT.on_accent
    hovered = Part("QPushButton", attributes=frozenset({("kind", "primary")}), states=frozenset({"hover"}))
    assert sheet.value(hovered, "background") == LIGHT.accent_hover
    chip = Part("QLabel", attributes=frozenset({("role", "chip"), ("tone", "bad")}))
    assert (sheet.value(chip, "color"), sheet.value(chip, "background")) == (LIGHT.bad, LIGHT.soft("bad"))


@BOTH
def test_every_text_of_the_sheet_is_readable_on_its_ground(tokens: Tokens) -> None:
    drawn = texts(tokens)
    faint = {
        f"{part.kind}{sorted(part.attributes)}{sorted(part.states)}{part.piece}: {color} on {ground}, "
        f"{contrast(color, ground):.2f}"
        for part, color, found in drawn
        for ground in found
        if contrast(color, ground) < least(part)
    }
    assert len(drawn) > 150
    assert not faint, "\n".join(sorted(faint))


@BOTH
def test_what_is_selected_is_readable(tokens: Tokens) -> None:
    sheet = Sheet.read(theme.style_sheet(tokens, 1.0))
    pairs = {
        (declared["selection-color"], declared["selection-background-color"])
        for _, declared in sheet.rules
        if "selection-color" in declared
    }
    assert pairs
    assert all(contrast(text, ground) >= BODY_TEXT for text, ground in pairs)


@BOTH
def test_the_focus_ring_and_the_edges_of_what_is_ticked_stand_out(tokens: Tokens) -> None:
    for ground in grounds(tokens).values():
        assert contrast(tokens.accent, ground) >= SHAPES
        assert contrast(tokens.outline, ground) >= SHAPES
    assert contrast(tokens.text, tokens.accent) >= 1.5, "a primary button's ring beside its own ground"


@BOTH
def test_placeholders_and_what_is_disabled_can_still_be_read(tokens: Tokens, qapp: QApplication) -> None:
    theme.apply(qapp, tokens.scheme, 1.0)
    placeholders = set()
    for field in (QLineEdit(), QPlainTextEdit(), QTextEdit()):
        field.ensurePolished()
        color = field.palette().color(QPalette.ColorRole.PlaceholderText)
        assert color.alpha() == 255, "half of a colour is another colour on every ground"
        placeholders.add(color.name())
    disabled = qapp.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text).name()
    theme.apply(qapp, "system", 1.0)
    for ground in grounds(tokens).values():
        assert all(contrast(placeholder, ground) >= BODY_TEXT for placeholder in placeholders)
        assert contrast(disabled, ground) >= SHAPES


@BOTH
def test_every_colour_of_highlighted_code_is_readable(tokens: Tokens) -> None:
    style = _formatter(tokens).style
    colors = {found["color"] for _, found in style if found["color"]}
    assert len(colors) >= 4
    assert Token in dict(style)
    assert all(contrast(f"#{color}", tokens.code) >= BODY_TEXT for color in colors)


@BOTH
def test_the_parts_of_a_memory_bar_stand_out_from_what_is_free(tokens: Tokens) -> None:
    for family in ("llama", "mistral", "gemma", "muted"):
        assert QColor(tokens.color(family)).isValid()
        assert contrast(tokens.color(family), tokens.track) >= SHAPES
