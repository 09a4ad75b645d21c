"""What other programs keep is remembered while a watch tells of changes, and never longer than that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from workbench.hub.places.cached import CachedPlaces
from workbench.hub.places.watching import Watching
from workbench.jobs import CancelToken


class Looks:
    """Finds nothing, and counts how often it looked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> tuple[()]:
        self.count += 1
        return ()


def test_without_a_watch_every_look_is_a_new_one() -> None:
    looks = Looks()
    places = CachedPlaces(looks)
    assert places() == places() == ()
    assert looks.count == 2


def test_under_a_watch_it_is_remembered_until_somebody_asks_for_a_new_look(tmp_path: Path) -> None:
    looks = Looks()
    places = CachedPlaces(looks)
    with closing(places.watch(lambda: (tmp_path,))(CancelToken())) as events:
        assert isinstance(next(events), Watching)
        before = looks.count
        places()
        places()
        assert looks.count == before + 1
        places.forget()
        places()
        assert looks.count == before + 2
    places()
    places()
    assert looks.count == before + 4


def test_a_folder_that_was_missing_is_looked_into_as_soon_as_it_is_there(tmp_path: Path) -> None:
    late = tmp_path / "late"
    looks = Looks()
    places = CachedPlaces(looks)
    with closing(places.watch(lambda: (tmp_path / "there", late))(CancelToken())) as events:
        assert isinstance(next(events), Watching)
        before = looks.count
        places()
        places()
        assert looks.count == before + 1
        late.mkdir()
        places()
        places()
        assert looks.count == before + 3, "the watch does not tell of it yet: nothing is remembered"
