"""Somebody at the screen: looks for words, presses keys, clicks, and keeps pictures."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.walk.reader import CHECKED, ENABLED, FOCUSED, ScreenReader, Seen

PATIENCE_S = 200.0  # for one thing: the machine may be busy with other tests
COMMAND_S = 20  # a key, a click
LOOK_S = 0.15
KEY_MS = 4
BUTTONS = frozenset({"push button", "button", "toggle button", "check box", "radio button", "tool bar item"})

FIELDS = frozenset({"text", "password text", "entry"})


class Person:
    """``out`` is where pictures go; None: none are kept.  ``within_s`` is all the time there is."""

    def __init__(self, environment: dict[str, str], reader: ScreenReader, out: Path | None, *, within_s: float) -> None:
        self._environment, self._reader, self._out = environment, reader, out
        self._patience = threading.Event()
        self._window = ""
        self._ends_at = time.monotonic() + within_s
        self.is_over: Callable[[], bool] = lambda: False  # the program ended by itself: there is nothing to wait for
        self.pictures: list[Path] = []

    # --- looking -----------------------------------------------------------------------------

    def sees(self, words: str, *, roles: frozenset[str] | None = None) -> Seen | None:
        """The first thing whose name begins so."""
        return next((seen for seen in self._reader.everything() if seen.name.startswith(words)
                     and (roles is None or seen.role in roles)), None)  # fmt: skip

    def everything(self) -> list[Seen]:
        return list(self._reader.everything())

    def all_names(self) -> list[str]:
        return [seen.name for seen in self._reader.everything() if seen.name]

    def wait_for(self, words: str, *, roles: frozenset[str] | None = None) -> Seen:
        found: list[Seen] = []

        def looked() -> bool:
            seen = self.sees(words, roles=roles)
            found.extend([seen] if seen is not None else [])
            return seen is not None

        self.until(looked, f"{words!r} is not on the screen")
        return found[-1]

    def until(self, reached: Callable[[], object], otherwise: str) -> None:
        ends_at = min(time.monotonic() + PATIENCE_S, self._ends_at)
        while not reached():
            if time.monotonic() > ends_at or self.is_over():
                self.keep("stuck")
                raise AssertionError(f"{otherwise}; there is: {'; '.join(self.all_names())}")
            self._patience.wait(LOOK_S)

    # --- doing -------------------------------------------------------------------------------

    def click(self, words: str) -> None:
        """The button whose name begins so, once it can be pressed."""
        x, y = self._at_rest(words, lambda: self._ready(words)).middle
        self._xdotool("mousemove", str(x), str(y), "click", "1")

    def click_into(self, words: str) -> None:
        """The field whose name begins so."""
        x, y = self._at_rest(words, lambda: self.sees(words, roles=FIELDS)).middle
        self._xdotool("mousemove", str(x), str(y), "click", "1")

    def is_on(self, words: str) -> bool:
        """Whether the switch whose name begins so is on."""
        switch = self.sees(words, roles=BUTTONS)
        return switch is not None and switch.has(CHECKED)

    def _at_rest(self, words: str, look: Callable[[], Seen | None]) -> Seen:
        """Once it stands where it stood a look before: what is still being laid out would be missed."""
        before: list[Seen | None] = [None]

        def stands() -> bool:
            before.append(look())
            return before[-1] is not None and before[-2] is not None and before[-1].middle == before[-2].middle

        self.until(stands, f"there is no {words!r} to press")
        assert before[-1] is not None
        return before[-1]

    def _ready(self, words: str) -> Seen | None:
        button = self.sees(words, roles=BUTTONS)
        return button if button is not None and button.has(ENABLED) else None

    def press(self, *keys: str) -> None:
        """Keys as xdotool names them: "ctrl+Return"."""
        for key in keys:
            self._xdotool("key", key)

    def type(self, text: str) -> None:
        """Into the field that has the keyboard, once one has it."""
        self.until(lambda: any(seen.role in FIELDS and seen.has(FOCUSED) for seen in self.everything()),
                   "no field has the keyboard")  # fmt: skip
        self._xdotool("type", "--delay", str(KEY_MS), text)

    def give_keyboard_to(self, title: str, size: tuple[int, int]) -> None:
        """There is no window manager on this screen to place the window, and to give it the keyboard."""
        search = ("xdotool", "search", "--onlyvisible", "--name", title)

        def found() -> list[str]:
            # A search that finds nothing ends with 1.
            return subprocess.run(
                search, env=self._environment, capture_output=True, text=True, timeout=COMMAND_S
            ).stdout.split()

        self.until(found, "the window does not open")
        window = found()[0]
        self._xdotool("windowsize", "--sync", window, str(size[0]), str(size[1]))
        self._xdotool("windowmove", window, "0", "0")
        self._window = window
        self.back_to_the_window()

    def back_to_the_window(self) -> None:
        """After a dialog, whose end leaves nobody with the keyboard on a screen without a window manager."""
        self._xdotool("windowfocus", "--sync", self._window)

    def keep(self, name: str) -> None:
        """A picture of the whole screen."""
        if self._out is None:
            return
        path = self._out / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], env=self._environment, check=True, timeout=60)
        self.pictures.append(path)

    def rest(self, seconds: float = 0.4) -> None:
        """Until what moves has come to rest, before a picture."""
        self._patience.wait(seconds)

    def _xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=self._environment, capture_output=True, text=True, timeout=COMMAND_S
        )
        if done.returncode:
            raise AssertionError(f"xdotool {arguments[0]}: {done.stderr.strip()}")
        return done.stdout
