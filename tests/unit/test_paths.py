"""Where files live: one folder when it is named, the system's own otherwise."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from workbench.paths import DATA_DIR_VARIABLE, resolve, resources


def test_everything_lies_below_a_named_folder(tmp_path: Path) -> None:
    paths = resolve(tmp_path)
    places = (paths.database, paths.models, paths.settings, paths.window, paths.starter_wheels, paths.log)
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert len(set(places)) == len(places)


def test_nothing_is_created_by_asking(tmp_path: Path) -> None:
    resolve(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_the_variable_names_the_folder_and_an_argument_beats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path / "variable"))
    assert resolve().data == tmp_path / "variable"
    assert resolve(tmp_path / "argument").data == tmp_path / "argument"


def test_an_empty_variable_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, "")
    assert resolve().data == platformdirs.user_data_path("workbench", appauthor=False)


def test_a_relative_folder_means_the_same_after_changing_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = resolve(Path("here"))
    monkeypatch.chdir("/")
    assert paths.data == tmp_path / "here"


def test_a_tilde_means_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert resolve(Path("~/bench")).data == tmp_path / "bench"


def test_without_a_named_folder_each_kind_lies_where_the_system_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)
    paths = resolve()
    assert paths.config == platformdirs.user_config_path("workbench", appauthor=False)
    assert paths.cache == platformdirs.user_cache_path("workbench", appauthor=False)
    assert paths.logs == platformdirs.user_log_path("workbench", appauthor=False)
    assert paths.database.parent == platformdirs.user_data_path("workbench", appauthor=False)


def test_the_shipped_resources_are_found() -> None:
    assert resources().name == "resources"
