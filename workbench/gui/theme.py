"""Colours, sizes and fonts by name, light and dark; the style sheet and every painter use only these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from workbench.gui.icons import glyph
from workbench.paths import resources

Mode: TypeAlias = Literal["system", "light", "dark"]


class Space:
    """Distances in pixels at 100 % text."""

    XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32


class Radius:
    CONTROL, CARD = 6, 10


class Points:
    """Font sizes in points at 100 % text."""

    SMALL, BODY, SUBTITLE, TITLE, DISPLAY = 9.0, 10.5, 11.5, 13.0, 18.0


class Tone(StrEnum):
    """What a colour says; the value of the dynamic property ``tone``."""

    NONE = ""
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    ACCENT = "accent"
    LLAMA = "llama"
    MISTRAL = "mistral"
    GEMMA = "gemma"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one scheme, as ``#RRGGBB``."""

    scheme: Literal["light", "dark"]
    background: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    good: str
    caution: str
    bad: str
    code: str
    llama: str
    mistral: str
    gemma: str

    @property
    def hover(self) -> str:
        return mix(self.text, self.surface, 0.07)

    @property
    def pressed(self) -> str:
        return mix(self.text, self.surface, 0.13)

    @property
    def track(self) -> str:
        """The empty part of bars and scroll bars."""
        return mix(self.text, self.surface, 0.10)

    @property
    def scroll(self) -> str:
        return mix(self.text, self.surface, 0.18)

    @property
    def accent_hover(self) -> str:
        return mix(self.text, self.accent, 0.12)

    @property
    def accent_pressed(self) -> str:
        return mix(self.text, self.accent, 0.22)

    @property
    def faint(self) -> str:
        """Lines and shapes that carry no meaning of their own."""
        return mix(self.text, self.surface, 0.30)

    @property
    def outline(self) -> str:
        """Edges that tell what a control is, and words of controls that are off: 3:1 on every ground."""
        return mix(self.text, self.surface, 0.57)

    def soft(self, name: str) -> str:
        """The background of a chip of this tone."""
        return mix(self.color(name), self.surface, 0.10)

    def color(self, name: str) -> str:
        """A token by its name; text without a tone, and the family of no name."""
        if name in ("", "other"):
            return self.muted if name else self.text
        return str(getattr(self, name))


LIGHT = Tokens(
    scheme="light",
    background="#F6F7F9",
    surface="#FFFFFF",
    raised="#FFFFFF",
    border="#D5DAE1",
    text="#1B2430",
    muted="#566273",
    accent="#2F5BD0",
    on_accent="#FFFFFF",
    good="#1E7A46",
    caution="#8A5A00",
    bad="#B3261E",
    code="#EEF1F5",
    llama="#2F5BD0",
    mistral="#B4470F",
    gemma="#1E7A46",
)
DARK = Tokens(
    scheme="dark",
    background="#14171C",
    surface="#1B1F26",
    raised="#232831",
    border="#363D49",
    text="#E7EBF1",
    muted="#A3AEBD",
    accent="#8FB0FF",
    on_accent="#0E1A38",
    good="#6FD39A",
    caution="#F0B95A",
    bad="#FF8A80",
    code="#101318",
    llama="#8FB0FF",
    mistral="#FFA56B",
    gemma="#6FD39A",
)


def mix(over: str, under: str, share: float) -> str:
    """``share`` of one colour over another."""
    top, bottom = QColor(over), QColor(under)
    pairs = ((top.red(), bottom.red()), (top.green(), bottom.green()), (top.blue(), bottom.blue()))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02X}" for a, b in pairs)


class _Theme(QObject):
    """What is in use now; follows the system while the mode says so."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tokens = LIGHT
        self.scale = 1.0
        self.mode: Mode = "system"
        self._app: QApplication | None = None
        self._base: QFont | None = None

    def apply(self, app: QApplication, mode: Mode, text_scale: float) -> None:
        hints = app.styleHints()
        if self._app is not app:
            self._app = app
            self._base = QFont(app.font())
            app.setStyle("Fusion")
            hints.colorSchemeChanged.connect(self._follow, Qt.ConnectionType.UniqueConnection)
        self.mode, self.scale = mode, text_scale
        # Native parts, the title bar above all, take their scheme from here.
        schemes = {"system": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        hints.setColorScheme(schemes[mode])
        self._dress(app)

    @Slot()
    def _follow(self) -> None:
        if self._app is not None and self.mode == "system":
            self._dress(self._app)

    def _dress(self, app: QApplication) -> None:
        dark = _system_is_dark(app) if self.mode == "system" else self.mode == "dark"
        self.tokens = DARK if dark else LIGHT
        font = QFont(self._base or app.font())
        font.setPointSizeF(Points.BODY * self.scale)
        font.setFeature(QFont.Tag("tnum"), 1)
        app.setFont(font)
        app.setPalette(_palette(self.tokens))
        app.setStyleSheet(style_sheet(self.tokens, self.scale))
        self.changed.emit()


def _system_is_dark(app: QApplication) -> bool:
    return app.styleHints().colorScheme() == Qt.ColorScheme.Dark


_theme = _Theme()
changed = _theme.changed


def apply(app: QApplication, mode: Mode = "system", text_scale: float = 1.0) -> None:
    """Dress the whole program; ``text_scale`` 1.5 is 150 % text."""
    _theme.apply(app, mode, text_scale)


@contextmanager
def undressed(app: QApplication) -> Iterator[None]:
    """For making many widgets at once, before they are shown: they get the style sheet at the end, each once.

    Else whatever is put into something is dressed anew each time, with all that is in it.
    """
    sheet = app.styleSheet()
    app.setStyleSheet("")
    try:
        yield
    finally:
        app.setStyleSheet(sheet)


def current() -> Tokens:
    """The colours in use, for painters; ``changed`` is emitted when they are others."""
    return _theme.tokens


def scale() -> float:
    return _theme.scale


def px(size: float) -> int:
    """Pixels that grow with the text."""
    return round(size * _theme.scale)


def mark(widget: QWidget, **properties: str | bool) -> None:
    """Set dynamic properties the style sheet selects by, and restyle the widget where one changed."""
    if all(widget.property(name) == value for name, value in properties.items()):
        return
    for name, value in properties.items():
        widget.setProperty(name, str(value) if isinstance(value, StrEnum) else value)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()


def icon(name: str, tone: str = "muted") -> QIcon:
    """A Material Design icon ("play", "stop-circle-outline") in a token's colour."""
    return _icon(name, current().color(tone), current().outline)


@lru_cache(maxsize=256)
def _icon(name: str, color: str, disabled: str) -> QIcon:
    return glyph(name, color, disabled)


def app_icon() -> QIcon:
    return QIcon(str(resources() / "icons" / "workbench.svg"))


def style_sheet(tokens: Tokens, text_scale: float) -> str:
    """``resources/theme.qss`` with every ``@name`` replaced; raises KeyError for a name nobody defined."""
    values = _placeholders(tokens, text_scale)
    source = (resources() / "theme.qss").read_text(encoding="utf-8")
    return re.sub(r"@([a-z][a-z0-9-]*)", lambda found: values[found[1]], source)


def _placeholders(tokens: Tokens, text_scale: float) -> dict[str, str]:
    values = {field.name.replace("_", "-"): getattr(tokens, field.name) for field in fields(tokens)}
    derived = ("hover", "pressed", "track", "faint", "outline", "scroll", "accent_hover", "accent_pressed")
    values |= {name.replace("_", "-"): getattr(tokens, name) for name in derived}
    for tone in Tone:
        if tone:
            values[f"soft-{tone}"] = tokens.soft(tone)
    for name in ("SMALL", "BODY", "SUBTITLE", "TITLE", "DISPLAY"):
        values[f"size-{name.lower()}"] = f"{getattr(Points, name) * text_scale:.2f}pt"
    values |= {"radius-control": f"{Radius.CONTROL}px", "radius-card": f"{Radius.CARD}px"}
    values["target"] = f"{round(18 * text_scale)}px"  # with padding and border: a hit target of 28 px or more
    values["indicator"] = f"{round(16 * text_scale)}px"
    values["radius-indicator"] = f"{round(16 * text_scale) // 2 + 1}px"
    values["icons"] = _as_url(resources() / "icons")
    mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
    values["mono"] = f'"{mono}"'
    return values


def _as_url(folder: Path) -> str:
    return folder.as_posix()


def _palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    colors = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.background,
        role.Text: tokens.text,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.bad,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.raised,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.faint,
        role.Shadow: tokens.border,
    }
    for key, value in colors.items():
        palette.setColor(key, QColor(value))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(tokens.outline))
    return palette
