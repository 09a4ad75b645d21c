"""An answer whose record is read when somebody asks for more than its text: most of a long conversation never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from workbench.chat.answer import Answer

_NAMES = tuple(one.name for one in fields(Answer))


class LateAnswer(Answer):
    """Equal to the answer it stands for.  ``read`` is called once at most, on the thread that asks."""

    __slots__ = ("_read",)

    _read: Callable[[], Answer]

    @classmethod
    def of(cls, read: Callable[[], Answer], **known: Any) -> Answer:
        """``known`` are the fields that need no reading."""
        late = object.__new__(cls)
        for name, value in known.items():
            object.__setattr__(late, name, value)
        object.__setattr__(late, "_read", read)
        return late

    def __getattr__(self, name: str) -> object:
        # A slot that is empty yet arrives here, as an attribute that does not exist does.
        if name not in _NAMES:
            raise AttributeError(name)
        whole = self._read()
        for field in _NAMES:
            object.__setattr__(self, field, getattr(whole, field))
        return getattr(whole, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _NAMES)

    def __hash__(self) -> int:
        return hash((self.path, self.text))
