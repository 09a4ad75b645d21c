"""A kept conversation into a file: read, told and written as one piece of long work."""

from __future__ import annotations

import enum
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.chat.exports.exported import Audience
from workbench.chat.history import History
from workbench.errors import UsageError
from workbench.jobs import CancelToken
from workbench.words import said

if TYPE_CHECKING:
    from workbench.chat.exports.exported import Exported
    from workbench.chat.names import Names
    from workbench.jobs import Task


class Format(enum.StrEnum):
    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


_FOR_PROGRAMS = (Format.JSON, Format.CSV)


@dataclass(frozen=True, slots=True)
class Exporting:
    """So many of all prompts are written; of None while the answers to them are read."""

    done: int
    total: int | None


def exporting(
    history: History,
    conversation_id: int,
    path: Path,
    form: Format | None = None,
    *,
    audience: Audience = Audience.READER,
    rated: bool = False,
    hidden: bool = False,
    names: Names | None = None,
) -> Task[Exporting, Path]:
    """Whole or not at all, with the votes that count; ``rated``: with what all votes say of all models.

    ``hidden`` and the form are as those of ``of`` and ``saving``; so is what is raised, and UsageError for a
    conversation that does not exist.  ``names`` are used where people read: JSON and tables keep those of the files.
    """
    from workbench.chat.exports.exported import of

    def tell(cancel: CancelToken) -> Exported:
        stored = history.conversations.load(conversation_id)
        if stored is None:
            raise UsageError(said("This conversation does not exist any more."))
        from workbench.chat.votes.ratings import rate

        for_programs = form in _FOR_PROGRAMS if form else path.suffix.lower().lstrip(".") in _FOR_PROGRAMS
        people = None if for_programs else names
        votes = history.ballots.counted()
        if people is not None:
            votes = people.in_votes(votes)
        ratings = rate(votes) if rated else None
        return of(stored, votes=votes, ratings=ratings, audience=audience, hidden=hidden,
                  at_each=cancel.raise_if_cancelled, names=people)  # fmt: skip

    def task(cancel: CancelToken) -> Generator[Exporting, None, Path]:
        from workbench.chat.exports.files import saving  # with all that renders and highlights

        return (yield from saving(tell, path, form)(cancel))

    return task
