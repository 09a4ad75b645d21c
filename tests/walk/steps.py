"""The walk itself: first run, three models, a prompt, blind votes, the rating, and a file to send round."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from tests.models import test_models
from tests.walk.person import Person
from tests.walk.reader import session
from tests.walk.wheels import lay_out
from tests.xvfb import screen
from workbench.paths import resolve

PROMPT = "Write one sentence about the sea."
ANSWERED = "SELECT text FROM generation WHERE state = 'done'"
VOTES = "SELECT 1 FROM ballot WHERE withdrawn_at IS NULL"
PAIRS_OF_THREE = 3
TOKENS, FEW_TOKENS = 24, 8  # of an answer: where nobody looks at it, few do, and a busy machine gets through
WELCOME = "The starter models are here."
WITHIN_S = 270.0  # for the whole walk


@dataclass(frozen=True, slots=True)
class Look:
    """How the window is looked at."""

    theme: str = "light"
    size: tuple[int, int] = (1280, 800)
    text_percent: int = 100

    @property
    def name(self) -> str:
        return f"{self.theme}-{self.size[0]}x{self.size[1]}-{self.text_percent}"


def take(look: Look, home: Path, out: Path | None) -> list[Path]:
    """Walk once in an empty home; the pictures.  Raises AssertionError where a step cannot be taken."""
    environment = _environment(look, home, tokens=FEW_TOKENS if out is None else TOKENS)
    lay_out(resolve(home / "data").starter_wheels)
    with screen(*look.size) as display:
        environment["DISPLAY"] = display
        with session(environment) as reader, _program(environment, home) as program:
            person = Person(environment, reader, out, within_s=WITHIN_S)
            person.is_over = lambda: program.poll() is not None
            Walk(person, look, home).all()
    return person.pictures


class Walk:
    def __init__(self, person: Person, look: Look, home: Path) -> None:
        self.person, self.look, self.home = person, look, home
        self.database = home / "data" / "workbench.sqlite3"

    def all(self) -> None:
        self.first_run()
        self.get_starter_models()
        self.open_a_third()
        self.ask_blind()
        self.vote()
        self.see_the_rating()
        self.export()

    def first_run(self) -> None:
        self.person.give_keyboard_to("Workbench", self.look.size)
        self.person.wait_for("Which model should you run here?")
        self.person.wait_for("Get starter models")
        self.keep("01-first-run")

    def get_starter_models(self) -> None:
        self.person.click("Get starter models")
        self.person.wait_for("These models come under")
        self.keep("02-licences")
        self.person.click("I agree, get them")
        self.person.wait_for(WELCOME)
        self.person.wait_for("Model: Gemma 3 270m")
        self.keep("03-two-models")

    def open_a_third(self) -> None:
        """A file of one's own, by its path."""
        self.person.press("ctrl+o")
        self.person.wait_for("Open GGUF file")
        self.person.type(str(self.home / "downloads" / test_models().mistral.name))
        self.person.press("Return")
        self.person.wait_for("Model: Synthetic")
        self.person.back_to_the_window()
        self.person.click("Use gemma")
        self.keep("04-three-panes")

    def ask_blind(self) -> None:
        self.person.press("ctrl+shift+b")
        self.person.until(lambda: self.person.is_on("Blind"), "blind mode is not on")
        self.person.click_into("Prompt")
        self.person.type(PROMPT)
        self.keep("05-prompt")
        self.person.press("ctrl+Return")
        self.person.until(lambda: not self.person.sees(WELCOME), "what was said of the starter models stays")
        self.person.until(lambda: len(self.rows(ANSWERED)) == PAIRS_OF_THREE, "the models do not answer")

    def vote(self) -> None:
        self.person.wait_for("Which answer is better")
        self.keep("06-blind-vote")
        # Three pairs, and now and then one of them again with its sides exchanged.
        for number, key in enumerate("12tn", 1):
            self.person.press(key)
            self.person.until(lambda number=number: len(self.rows(VOTES)) >= number, "the vote is not kept")
            self.person.until(self._next_or_revealed(number), "after the vote nothing follows")
            if self.person.sees("Next prompt"):
                break
        self.person.wait_for("Which was which")
        self.keep("07-revealed")

    def _next_or_revealed(self, number: int) -> Callable[[], object]:
        return lambda: self.person.sees(f"{number + 1} of ") or self.person.sees("Next prompt")

    def see_the_rating(self) -> None:
        self.person.press("ctrl+4")
        self.person.wait_for("Votes – ")
        self.keep("08-rating")

    def export(self) -> None:
        """One file to send round, which holds what was asked and answered."""
        target = self.home / "comparison.html"
        self.person.press("ctrl+e")
        self.person.wait_for("Web page (HTML)")
        self.keep("09-export")
        self.person.click("Save…")
        self.person.wait_for("Export to")
        self.person.type(str(target))
        self.person.press("Return")
        self.person.wait_for("Saved as")
        self.keep("10-saved")
        said = text_of(target)
        assert PROMPT in said
        for (answer,) in self.rows(ANSWERED):
            assert " ".join(str(answer).split())[:30] in said, f"the file does not hold {answer!r}"

    def keep(self, name: str) -> None:
        self.person.rest()
        self.person.keep(f"{name}-{self.look.name}")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            return reader.execute(query).fetchall()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def text_of(page: Path) -> str:
    """What is read on a page, its spaces as they are shown."""
    parser = _Text()
    parser.feed(page.read_text(encoding="utf-8"))
    return " ".join(" ".join(parser.said).split())


def _environment(look: Look, home: Path, *, tokens: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WORKBENCH_", "DISPLAY", "WAYLAND"))}
    kept.pop("QT_QPA_PLATFORM", None)
    downloads = home / "downloads"
    downloads.mkdir(parents=True)
    mistral = test_models().mistral
    (downloads / mistral.name).symlink_to(mistral)
    return kept | {
        "HOME": str(home),
        "WORKBENCH_DATA_DIR": str(home / "data"),
        "WORKBENCH_THEME": look.theme,
        "WORKBENCH_TEXT_SCALE": str(look.text_percent / 100),
        "WORKBENCH_TEMPERATURE": "0",
        "WORKBENCH_MAX_TOKENS": str(tokens),
    }


@contextmanager
def _program(environment: dict[str, str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a child process; ended as a session ends it, and nothing said on its error output."""
    with (home / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-m", "workbench"], env=environment, stderr=errors)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            ended = process.wait(timeout=60)
            assert ended == 0, f"the program ended with {ended}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(home / 'stderr.txt').read_text(encoding='utf-8')}") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=30)
    said = (home / "stderr.txt").read_text(encoding="utf-8")
    assert not said, said
