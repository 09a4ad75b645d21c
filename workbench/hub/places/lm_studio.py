"""LM Studio's models: OWNER/REPOSITORY/FILE.gguf below one folder.

Its home is what ``~/.lmstudio-home-pointer`` names, else ``~/.cache/lm-studio``, else ``~/.lmstudio``, the same on
all systems; the models folder is ``downloadsFolder`` of ``settings.json`` there, else ``models``.  Sources: the
lmstudio-ai/lms repository, src/modelsFolder.ts and src/lmstudioPaths.ts (2026), and LM Studio's own page "Import
Models".  Files may be hard or symbolic links (``lms import -L``, ``-l``).
"""

from __future__ import annotations

from pathlib import Path

from workbench.hub.places import folder
from workbench.hub.places.place import Place, Problem, Program, Surroundings, distinct, problem
from workbench.hub.places.reading import Unreadable, small_object, small_text
from workbench.words import said


def places(around: Surroundings) -> tuple[Place, ...]:
    problems: list[Problem] = []
    found = [_models(home, around, problems) for home in _homes(around, problems)]
    placed = [folder.place(models, Program.LM_STUDIO, together=True) for models in distinct(found)]
    if problems:
        placed.append(Place(Program.LM_STUDIO, around.home, problems=tuple(problems)))
    return tuple(placed)


def _homes(around: Surroundings, problems: list[Problem]) -> list[Path]:
    pointer = around.home / ".lmstudio-home-pointer"
    try:
        text = small_text(pointer, limit_bytes=16 << 10)
    except Unreadable as error:
        problems.append(_unread(pointer, error))
        text = None
    pointed = around.folder(text or "")
    # Both defaults: an older and a newer installation may lie side by side, and either may hold files.
    return [pointed] if pointed else [around.home / ".cache" / "lm-studio", around.home / ".lmstudio"]


def _models(home: Path, around: Surroundings, problems: list[Problem]) -> Path:
    settings = home / "settings.json"
    try:
        named = (small_object(settings) or {}).get("downloadsFolder")
    except Unreadable as error:
        problems.append(_unread(settings, error))
        named = None
    return (around.folder(named) if isinstance(named, str) else None) or home / "models"


def _unread(path: Path, error: Unreadable) -> Problem:
    return problem(
        path,
        said("LM Studio's settings in {path} cannot be read: {error}.", path=path, error=error),
        said("Its usual models folder is looked into; add another one as a folder."),
    )
