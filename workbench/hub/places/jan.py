"""Jan's models: ``llamacpp/models/ID/model.yml`` in its data folder, naming a GGUF there or anywhere.

The data folder is JAN_DATA_FOLDER, else ``data_folder`` of ``Jan/settings.json`` (older: ``jan.ai.app/settings.json``,
on Linux also below ``~/.config``), else ``Jan/data`` below the data folder of the system, which JAN_DATA_ROOT may
move.  A relative ``model_path`` is meant from the data folder; an imported model keeps its absolute one, and stays
where it was.  Sources: the janhq/jan repository, src-tauri/src/core/app/{commands,paths}.rs and
extensions/llamacpp-extension/src (2026).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.hub.places.place import Place, PlacedFile, Problem, Program, Surroundings, distinct, problem
from workbench.hub.places.reading import Unreadable, inside, small_object, small_text
from workbench.hub.places.walk import MAX_FOLDERS, SUFFIX, gguf_files
from workbench.words import said

_LIST = "model.yml"
_LINE = re.compile(r"(?P<key>[a-z0-9_]+):[ \t]+(?P<value>.*)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def places(around: Surroundings) -> tuple[Place, ...]:
    problems: list[Problem] = []
    data = around.variable("JAN_DATA_FOLDER") or _named(around, problems) or _root(around) / "Jan" / "data"
    placed = [_place(folder, around) for folder in distinct([data])]
    if problems:
        placed.append(Place(Program.JAN, around.home, problems=tuple(problems)))
    return tuple(placed)


def scalars(text: str) -> dict[str, str]:
    """The top level of one of Jan's YAML files: its texts and numbers, as texts; everything deeper is left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        entry = _LINE.fullmatch(line.rstrip())
        if entry is None:
            continue
        value = entry["value"].strip()
        if value.startswith('"'):
            try:
                found[entry["key"]] = str(json.loads(value))
            except ValueError:  # an escape that JSON lacks: no path of ours
                continue
        elif value.startswith("'"):
            found[entry["key"]] = value.strip("'").replace("''", "'")
        else:
            found[entry["key"]] = value.partition(" #")[0].strip()
    return found


def _root(around: Surroundings) -> Path:
    return around.variable("JAN_DATA_ROOT") or around.data


def _named(around: Surroundings, problems: list[Problem]) -> Path | None:
    for settings in (
        _root(around) / "Jan" / "settings.json",
        _root(around) / "jan.ai.app" / "settings.json",
        around.config / "Jan" / "settings.json",
    ):
        try:
            named = (small_object(settings) or {}).get("data_folder")
        except Unreadable as error:
            problems.append(
                problem(
                    settings,
                    said("Jan's settings in {settings} cannot be read: {error}.", settings=settings, error=error),
                    said("Its usual data folder is looked into; add another one as a folder."),
                )
            )
            continue
        if isinstance(named, str) and (folder := around.folder(named)):
            return folder
    return None


def _place(data: Path, around: Surroundings) -> Place:
    files: list[PlacedFile] = []
    problems: list[Problem] = []
    models = data / "llamacpp" / "models"
    for listed in _lists(models):
        found = _listed(listed, models, data, around)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            files.append(found)
    known = {os.path.realpath(path) for file in files for path in (file.path, *file.companions)}
    for folder in distinct([models, data / "models"]):
        for path in gguf_files(folder):
            if isinstance(path, Problem):
                problems.append(path)
            elif os.path.realpath(path) not in known:
                files.append(PlacedFile(path, stem=_stem(path), together=path.parent != folder))
    return Place(Program.JAN, data, tuple(files), tuple(problems))


def _lists(models: Path) -> Iterator[Path]:
    visited: set[str] = set()
    for current, folders, names in os.walk(models, followlinks=True):
        real = os.path.realpath(current)
        if real in visited or len(visited) > MAX_FOLDERS:
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        if _LIST in names:
            folders.clear()  # Jan looks no deeper either
            yield Path(current) / _LIST


def _listed(listed: Path, models: Path, data: Path, around: Surroundings) -> PlacedFile | Problem:
    called = listed.parent.relative_to(models).as_posix()
    try:
        entries = scalars(small_text(listed) or "")
    except Unreadable as error:
        return problem(
            listed,
            said("Jan's entry for {called} cannot be read: {error}.", called=called, error=error),
            said("Import it again in Jan."),
        )
    path = _path(entries.get("model_path", ""), data, around)
    if path is None:
        return problem(
            listed,
            said("Jan's entry for {called} names no GGUF file that it may name.", called=called),
            said("Import it again in Jan."),
        )
    if not os.path.exists(path):  # noqa: PTH110 - no error for what may not be looked at
        return problem(
            path,
            said("{path}, which Jan has as {called}, is not there.", path=path, called=called),
            said("Remove it in Jan, or put it back."),
        )
    beside = _path(entries.get("mmproj_path", ""), data, around)
    claim = entries.get("model_sha256", "").lower()
    return PlacedFile(
        path,
        called=called,
        stem=called.replace("/", "-"),
        claimed_sha256=claim if _SHA256.fullmatch(claim) else None,
        companions=(beside,) if beside is not None and os.path.exists(beside) else (),  # noqa: PTH110
        together=path.is_relative_to(models),
    )


def _path(text: str, data: Path, around: Surroundings) -> Path | None:
    """Where an entry leads: a GGUF file below the data folder, or an absolute path to one."""
    if not text.lower().endswith(SUFFIX) or "\0" in text:
        return None
    if Path(text).is_absolute():
        return around.folder(text)
    path = Path(os.path.normpath(data / text.replace("\\", "/")))
    return path if path.is_relative_to(data) and inside(path, data) else None


def _stem(path: Path) -> str | None:
    # Jan calls every file it fetched model.gguf; the folder says which it is.
    return path.parent.name if path.stem.lower() == "model" else None
