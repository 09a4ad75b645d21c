"""From a model's bytes to the text shown: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class VisibleText:
    """Puts pieces of tokens together.

    A character that is not whole yet is held back, and so is a tail that may become a stop string.  The
    text ends before the first stop string; a stop string may span tokens.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(text for text in stop if text)
        self._longest = max(map(len, self._stop), default=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._shown: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """All that was shown so far."""
        return "".join(self._shown)

    @property
    def held(self) -> int:
        """Characters that are held back."""
        return len(self._held)

    def feed(self, piece: bytes) -> str:
        """What can be shown now; nothing after a stop string."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(piece)
        return self._show(self._tail())

    def finish(self) -> str:
        """What was held back, when no more is coming; a broken character becomes U+FFFD."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(b"", final=True)
        self._tail()  # the last bytes may have completed a stop string
        return self._show(0)

    def _tail(self) -> int:
        """Cut the held text at a stop string, if there is one; else how much of its end may begin one."""
        if not self._stop:
            return 0
        places = [at for at in map(self._held.find, self._stop) if at >= 0]
        if places:
            self._held = self._held[: min(places)]
            self.stopped = True
            return 0
        for length in range(min(len(self._held), self._longest - 1), 0, -1):
            if any(text.startswith(self._held[-length:]) for text in self._stop):
                return length
        return 0

    def _show(self, keep: int) -> str:
        end = len(self._held) - keep
        shown, self._held = self._held[:end], self._held[end:]
        if shown:
            self._shown.append(shown)
        return shown
