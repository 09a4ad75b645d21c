"""What llama.cpp's own programs fetched: plain files in older versions, the Hugging Face layout in newer ones.

The folder is LLAMA_CACHE, else ``llama.cpp`` below XDG_CACHE_HOME, ``~/.cache``, ``~/Library/Caches`` or the local
AppData; newer versions use the Hugging Face cache unless LLAMA_CACHE is set.  Source: llama.cpp, common/common.cpp
(fs_get_cache_directory) and common/hf-cache.cpp.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from workbench.hub.places import huggingface
from workbench.hub.places.place import Place, PlacedFile, Problem, Program, Surroundings, distinct
from workbench.hub.places.walk import gguf_files


def places(around: Surroundings) -> tuple[Place, ...]:
    named = around.variable("LLAMA_CACHE")
    return tuple(_place(folder) for folder in distinct([*([named] if named else []), _usual(around)]))


def _place(folder: Path) -> Place:
    linked = huggingface.place(folder, Program.LLAMA_CPP)
    plain: list[PlacedFile] = []
    problems: list[Problem] = list(linked.problems)
    for found in gguf_files(folder):
        if isinstance(found, Problem):
            problems.append(found)
        elif not found.relative_to(folder).parts[0].startswith("models--"):
            plain.append(PlacedFile(found))
    return dataclasses.replace(linked, files=(*linked.files, *plain), problems=tuple(problems))


def _usual(around: Surroundings) -> Path:
    if around.system == "win32":
        return around.local_data / "llama.cpp"
    if around.system == "darwin":
        return around.home / "Library" / "Caches" / "llama.cpp"
    return (around.variable("XDG_CACHE_HOME") or around.home / ".cache") / "llama.cpp"
