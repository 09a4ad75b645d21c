"""The Hugging Face cache: ``models--OWNER--NAME/snapshots/COMMIT/FILE`` linking to ``blobs/HASH``.

Where it is: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, else
``~/.cache/huggingface/hub`` on every system; llama.cpp keeps the same layout in LLAMA_CACHE.  A blob of 64 digits is
named by the SHA-256 of a large file, one of 40 by git's hash of a small one.  A blob may itself be a link into
``blobs/xx/HASH`` of the whole cache: that hash is of the transfer format and not of the bytes.  Where links are not
to be had (Windows) the snapshot holds the files.  Sources: huggingface_hub 2.x, constants.py, file_download.py and
utils/_shared_blobs.py; llama.cpp, common/hf-cache.cpp.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.hub.places.place import Place, PlacedFile, Problem, Program, Surroundings, distinct, problem
from workbench.hub.places.reading import Unreadable, inside, small_text
from workbench.hub.places.walk import gguf_files
from workbench.words import said

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = "models--"


def places(around: Surroundings) -> tuple[Place, ...]:
    return tuple(place(cache) for cache in distinct(_caches(around)))


def place(cache: Path, program: Program = Program.HUGGING_FACE) -> Place:
    """One cache as it is now, the newest commit of each repository first."""
    files: list[PlacedFile] = []
    problems: list[Problem] = []
    try:
        repositories = sorted(path for path in cache.iterdir() if path.name.startswith(_REPOSITORY))
    except OSError as error:
        unread = problem(
            cache,
            said("{file} cannot be read ({why}).", file=cache, why=error.strerror),
            said("Check its permissions."),
        )
        return Place(program, cache, problems=(unread,))
    for repository in repositories:
        for found in _files_of(repository, cache):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                files.append(found)
    return Place(program, cache, tuple(files), tuple(problems))


def repository_of(name: str) -> str:
    """The repository that a folder of the cache is of: "models--google--gemma-3" is "google/gemma-3"."""
    return name.removeprefix(_REPOSITORY).replace("--", "/", 1)


def _files_of(repository: Path, cache: Path) -> Iterator[PlacedFile | Problem]:
    called = repository_of(repository.name)
    for snapshot in _snapshots(repository):
        for found in gguf_files(snapshot):
            if isinstance(found, Problem):
                yield found
            elif not inside(found, cache):
                yield problem(
                    found,
                    said(
                        "{called}: {found} is a link that leads out of the cache, or to itself.",
                        called=called,
                        found=found.name,
                    ),
                    said("Remove it from the cache and download it again."),
                )
            elif not os.path.exists(found):  # noqa: PTH110 - no error for what may not be looked at
                yield problem(
                    found,
                    said("{called}: the bytes of {found} are missing from the cache.", called=called, found=found.name),
                    said("Download it again."),
                )
            else:
                yield PlacedFile(
                    found,
                    called=f"{called}/{found.relative_to(snapshot).as_posix()}",
                    claimed_sha256=_claim(found),
                    together=True,
                )


def _snapshots(repository: Path) -> list[Path]:
    """The folders of all commits, that of the main branch first."""
    try:
        snapshots = sorted(path for path in (repository / "snapshots").iterdir() if path.is_dir())
    except OSError:  # a repository of which nothing was fetched, or that is just being removed
        return []
    try:
        main = (small_text(repository / "refs" / "main", limit_bytes=1024) or "").strip()
    except Unreadable:
        main = ""
    if _COMMIT.fullmatch(main):
        snapshots.sort(key=lambda path: path.name != main)
    return snapshots


def _claim(path: Path) -> str | None:
    # The first link only: a blob that is a link itself leads to a hash of another kind.
    try:
        name = os.path.basename(os.readlink(path))  # noqa: PTH115, PTH119
    except OSError:  # a real file, where there are no links
        return None
    return name if _SHA256.fullmatch(name) else None


def _caches(around: Surroundings) -> list[Path]:
    below_home = around.variable("HF_HOME")
    below_cache = around.variable("XDG_CACHE_HOME")
    named = [
        around.variable("HF_HUB_CACHE"),
        around.variable("HUGGINGFACE_HUB_CACHE"),
        below_home and below_home / "hub",
        below_cache and below_cache / "huggingface" / "hub",
        around.home / ".cache" / "huggingface" / "hub",
    ]
    # All of them: the variables may be set in the one terminal from which a download was started.
    return [folder for folder in named if folder is not None]
