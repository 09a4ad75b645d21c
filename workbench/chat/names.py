"""What models and contenders are called where people read of them; what keeps them apart in files is another thing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workbench.models.naming import DOT, bare, called

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.chat.votes.ballots import Contender, Side, Vote
    from workbench.models.file import ModelFile

_USUAL = "template builtin:"  # what the program chooses for a file that brings no template
_NUMBERED = re.compile(r"(.+) \((\d+)\)")


@dataclass(frozen=True, slots=True)
class Names:
    """Title and quantisation, by the library's name of a file: "Gemma 3 270m · Q4_K_M".

    What is not in the library is told by the name that was kept of it.
    """

    titles: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[ModelFile]) -> Names:
        return cls({one.name: (one.title, one.quantisation) for one in models})

    def model(self, name: str, quantisation: str) -> str:
        """Of a model by its file's name."""
        return called(self.title(name, quantisation), quantisation)

    def title(self, name: str, quantisation: str) -> str:
        """The same where the quantisation stands beside it."""
        title, known = self.titles.get(name, (name, quantisation))
        return bare(title if known == quantisation else name, quantisation)

    def file(self, name: str) -> str:
        """The same where nothing but the name was kept; one that is numbered keeps its number."""
        if name in self.titles:
            return called(*self.titles[name])
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None and numbered[1] in self.titles:
            return f"{called(*self.titles[numbered[1]])} ({numbered[2]})"
        return name

    def whole(self, contender: Contender) -> str:
        """With everything that sets it apart."""
        return self._of(contender, _apart(contender))

    def brief(self, contender: Contender) -> str:
        """Without a template that nobody chose."""
        return self._of(contender, [words for words in _apart(contender) if not words.startswith(_USUAL)])

    def told(self, contenders: Iterable[Contender]) -> dict[str, str]:
        """By ``Contender.name``, those that are seen together: as briefly as tells each from all others."""
        seen = {one.name: one for one in contenders}
        words = {name: self.brief(one) for name, one in seen.items()}
        for longer in (self.whole, _kept):
            often = Counter(words.values())
            words |= {name: longer(one) for name, one in seen.items() if often[words[name]] > 1}
        return words

    def in_votes(self, votes: Sequence[Vote]) -> tuple[Vote, ...]:
        """The same votes about contenders that are called so."""
        words = self.told(side.contender for vote in votes for side in (vote.left, vote.right))

        def renamed(side: Side) -> Side:
            return replace(side, contender=replace(side.contender, name=words[side.contender.name]))

        return tuple(replace(vote, left=renamed(vote.left), right=renamed(vote.right)) for vote in votes)

    def _of(self, contender: Contender, apart: Sequence[str]) -> str:
        if not contender.name.startswith(called(contender.model, contender.quantisation)):
            return contender.name  # somebody else's name for it
        return DOT.join((self.model(contender.model, contender.quantisation), *apart))


def _apart(contender: Contender) -> tuple[str, ...]:
    """What its name says after model and quantisation."""
    rest = contender.name.removeprefix(called(contender.model, contender.quantisation))
    return tuple(filter(None, rest.split(DOT)))


def _kept(contender: Contender) -> str:
    return contender.name
