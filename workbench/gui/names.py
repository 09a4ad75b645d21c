"""The names of models as the whole window says them: those of the library's files, as it was last looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.chat.answer import Answer
    from workbench.chat.names import Names
    from workbench.models.file import ModelFile

_known: Names | None = None


def learn(models: Iterable[ModelFile]) -> None:
    """What the library holds now; names of other models are those that were kept of them."""
    from workbench.chat.names import Names

    global _known  # noqa: PLW0603  # as the theme and the language, it is the window's, whichever part of it asks
    _known = Names.of(models)


def current() -> Names:
    from workbench.chat.names import Names

    return _known or Names()


def of_answer(answer: Answer) -> str:
    """ "Gemma 3 270m · Q4_K_M"."""
    return current().model(answer.model, answer.quantisation)
