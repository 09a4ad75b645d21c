"""A comparison as a file: Markdown, one self-contained HTML page, JSON or CSV."""

from __future__ import annotations

import csv
import enum
import io
import json
from collections.abc import Callable
from pathlib import Path

from workbench.chat.exports.exported import Audience, Exported, in_words, of
from workbench.chat.exports.html import html
from workbench.chat.exports.text import as_json, csv_rows, markdown
from workbench.errors import UsageError

__all__ = ["Audience", "Exported", "Format", "as_json", "csv_rows", "html", "markdown", "of", "save", "text_of"]


class Format(enum.StrEnum):
    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


def text_of(exported: Exported, form: Format) -> str:
    """The whole file as text."""
    return _WRITERS[form](in_words(exported))


def save(exported: Exported, path: Path, form: Format | None = None) -> None:
    """Write it whole or not at all; the form is that of the file's name where none is given.

    Raises UsageError for a name that says no form, and where the file cannot be written.
    """
    chosen = form or _form_of(path)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text_of(exported, chosen), encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Choose another folder or name."
        ) from error


def _form_of(path: Path) -> Format:
    endings = {".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN, ".html": Format.HTML, ".htm": Format.HTML,
               ".json": Format.JSON, ".csv": Format.CSV}  # fmt: skip
    form = endings.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            f"{path.name} does not say in which form to write.", hint="End it with .md, .html, .json or .csv."
        )
    return form


def _json_text(exported: Exported) -> str:
    return json.dumps(as_json(exported), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _csv_text(exported: Exported) -> str:
    rows = io.StringIO(newline="")
    csv.writer(rows).writerows(csv_rows(exported))
    return rows.getvalue()


_WRITERS: dict[Format, Callable[[Exported], str]] = {
    Format.MARKDOWN: markdown,
    Format.HTML: html,
    Format.JSON: _json_text,
    Format.CSV: _csv_text,
}
