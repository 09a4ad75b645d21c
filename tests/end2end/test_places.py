"""Models of other programs are found where they lie, each once, and used there."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end2end.conftest import Finished
from tests.end2end.other_programs import REPOSITORY, Home, lay_out
from tests.models import TestModels
from tests.unit.hub.places.layouts import everything
from workbench.hub.library import Library, Listing
from workbench.hub.places.finding import find
from workbench.hub.places.place import Place
from workbench.store.database import Database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="laid out as on Linux")


@pytest.fixture(scope="module")
def home(real_models: TestModels) -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        yield lay_out(Path(folder), real_models)


@pytest.fixture
def places(home: Home, tmp_path: Path) -> tuple[Place, ...]:
    return find(home.folder, home.environment, root=tmp_path / "nothing")


@pytest.fixture
def others(tmp_path: Path, places: tuple[Place, ...]) -> Iterator[Library]:
    with Database(tmp_path / "data" / "workbench.sqlite3") as db:
        yield Library(db, tmp_path / "data" / "models", places=lambda: places)


def test_every_file_of_every_program_is_found_and_none_is_copied_or_touched(
    home: Home, places: tuple[Place, ...], others: Library, tmp_path: Path
) -> None:
    before = everything(home.folder)
    listing = others.listing()
    assert {place.program.value: len(place.files) for place in places} == home.expected
    assert [problem.error.message for place in places for problem in place.problems] == []
    assert listing.problems == ()
    assert everything(home.folder) == before
    written = {path.name for path in (tmp_path / "data").rglob("*") if path.suffix == ".gguf"}
    assert written == set()
    print(counted(places, listing))


def test_each_model_is_listed_once_under_the_name_people_know(others: Library) -> None:
    listing = others.listing()
    assert Counter(held.program.value for held in listing.held) == {
        "LM Studio": 2,
        "Jan": 1,
        "GPT4All": 1,
        "Hugging Face cache": 1,
    }
    by_program = {(held.program.value, len(held.file.parts)): held for held in listing.held}
    smollm2 = next(held for held in listing.held if held.copies)
    assert [(copy.program.value, copy.called) for copy in smollm2.copies] == [("Ollama", "smollm2:135m")]
    cached = by_program["Hugging Face cache", 0]
    assert cached.called == f"{REPOSITORY}/{cached.file.path.name}"
    split = next(held for held in listing.held if held.file.parts)
    assert [companion.path.name for companion in split.companions] == ["mmproj-Big-F16.gguf"]
    assert not any(held.own for held in listing.held)


def test_a_model_of_another_program_answers_where_it_lies(
    others: Library, workbench: Callable[..., Finished], home: Home
) -> None:
    smollm2 = next(held for held in others.listing().held if held.copies)
    blob = smollm2.copies[0].path
    before = everything(home.folder)
    outcome = workbench("chat", "-m", blob, "--max-tokens", 8, "--seed", 1, "--json", "Say hello.")
    assert outcome.status == 0, outcome.err
    (answer,) = outcome.json["answers"]
    assert answer["completion_tokens"] > 0
    assert answer["text"].strip()
    assert everything(home.folder) == before


def counted(places: tuple[Place, ...], listing: Listing) -> str:
    files = {place.program.value: len(place.files) for place in places}
    models = Counter(held.program.value for held in listing.held)
    copies = Counter(copy.program.value for held in listing.held for copy in held.copies)
    lines = [f"{'program':20} files  models  of them elsewhere too"]
    lines += [f"{name:20} {count:5}  {models[name]:6}  {copies[name]:6}" for name, count in files.items()]
    return "\n".join(lines)
