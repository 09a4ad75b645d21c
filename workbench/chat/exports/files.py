"""A comparison as a file: Markdown, one self-contained HTML page, JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from workbench.chat.exports.exported import Audience, Exported, ExportedTurn, in_words, of
from workbench.chat.exports.exporting import Exporting, Format
from workbench.chat.exports.html import html, html_pieces
from workbench.chat.exports.text import as_json, csv_pieces, csv_rows, json_pieces, markdown, markdown_pieces
from workbench.chat.exports.whole import whole_file
from workbench.errors import UsageError
from workbench.jobs import CancelToken, Task, run
from workbench.words import said

__all__ = [
    "Audience", "Exported", "Exporting", "Format", "as_json", "csv_rows", "html", "markdown", "of", "save", "saving",
    "text_of",
]  # fmt: skip


Telling: TypeAlias = Callable[[CancelToken], Exported]


def text_of(exported: Exported, form: Format) -> str:
    """The whole file as text."""
    clean = in_words(exported)
    return "".join(_WRITERS[form](clean, clean.turns))


def save(exported: Exported, path: Path, form: Format | None = None) -> None:
    """``saving`` in one go."""
    run(saving(lambda _cancel: exported, path, form))


def saving(tell: Telling, path: Path, form: Format | None = None) -> Task[Exporting, Path]:
    """Write what ``tell`` says whole or not at all; the form is that of the file's name where none is given.

    Raises UsageError for a name that says no form, and where the file cannot be written; Cancelled between prompts.
    """

    def task(cancel: CancelToken) -> Generator[Exporting, None, Path]:
        cancel.raise_if_cancelled()
        chosen = form or _form_of(path)
        yield Exporting(0, None)
        exported = in_words(tell(cancel))
        turns, total = _Counted(exported.turns), len(exported.turns)
        with whole_file(path) as file:
            for piece in _WRITERS[chosen](exported, turns):
                file.write(piece)
                if turns.passed():
                    cancel.raise_if_cancelled()
                    yield Exporting(turns.done, total)
            cancel.raise_if_cancelled()
            if turns.passed():  # nothing is written behind the last one
                yield Exporting(turns.done, total)
        return path

    return task


class _Counted:
    """Turns that know how many of them were written: all before the one that was taken last."""

    def __init__(self, turns: tuple[ExportedTurn, ...]) -> None:
        self._turns = turns
        self._told = 0
        self.done = 0

    def __iter__(self) -> Iterator[ExportedTurn]:
        for turn in self._turns:
            yield turn
            self.done += 1

    def passed(self) -> bool:
        """Whether there are more than at the last call."""
        told, self._told = self._told, self.done
        return told < self.done


def _form_of(path: Path) -> Format:
    endings = {".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN, ".html": Format.HTML, ".htm": Format.HTML,
               ".json": Format.JSON, ".csv": Format.CSV}  # fmt: skip
    form = endings.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            said("{file} does not say in which form to write.", file=path.name),
            hint=said("End it with .md, .html, .json or .csv."),
        )
    return form


_WRITERS: dict[Format, Callable[[Exported, Iterable[ExportedTurn]], Iterator[str]]] = {
    Format.MARKDOWN: markdown_pieces,
    Format.HTML: html_pieces,
    Format.JSON: json_pieces,
    Format.CSV: csv_pieces,
}
