"""A comparison as one HTML page that needs nothing beside itself: it opens from a file, prints, and runs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from workbench.chat.exports.answer_html import answer_html
from workbench.chat.exports.exported import Exported, ExportedTurn
from workbench.chat.exports.facts import facts_of, figures_of, setting_lines
from workbench.chat.votes import words as rating_words
from workbench.paths import resources


def html(exported: Exported) -> str:
    """The page; its policy lets a browser use its own style sheet and nothing else."""
    return "".join(html_pieces(exported, exported.turns))


def html_pieces(exported: Exported, turns: Iterable[ExportedTurn]) -> Iterator[str]:
    """The same, in small pieces."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().from_string((resources() / "export" / "comparison.html").read_text("utf-8"))
    sheet = Markup(style)  # noqa: S704  # our own file
    yield from template.generate(exported=exported, turns=turns, style=sheet, style_digest=digest)


@lru_cache(maxsize=1)
def _style() -> str:
    return (resources() / "export" / "comparison.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters["markdown"] = lambda text: Markup(answer_html(text))  # noqa: S704  # nothing raw passes there
    found.globals.update(
        facts_of=facts_of,
        figures_of=figures_of,
        setting_lines=setting_lines,
        percent=rating_words.percent,
        elo=rating_words.elo,
        verdicts=rating_words.verdicts,
        cautions=rating_words.cautions,
    )
    return found
