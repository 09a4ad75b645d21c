"""Candidates from everywhere become the models of the library: described, deduplicated, with their companions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.hub.places.companions import Loose, companions_of
from workbench.hub.places.place import PlacedFile, Problem, Program
from workbench.hub.places.same import Held, Sameness, with_copy
from workbench.models.file import ModelFile
from workbench.models.split import stem_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be a model, and who keeps it."""

    placed: PlacedFile
    program: Program

    @property
    def path(self) -> Path:
        return self.placed.path


@dataclass(slots=True)
class Gathered:
    """``described`` are the paths whose headers were asked for."""

    held: list[Held] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    described: set[Path] = field(default_factory=set)


def gather(
    candidates: Iterable[Candidate | Problem],
    describe: Callable[[Path], ModelFile],
    projector: Callable[[Path], Loose | None],
) -> Gathered:
    """The models among the candidates in their order, each real file once, and what is wrong with the rest.

    A split model is one; what is wrong with it is one problem.  A projector is no problem where a model has it.
    Who owns what is not asked here.
    """
    gathered = Gathered()
    owner: dict[str, int | None] = {}
    claims: dict[Path, str] = {}
    loose: list[tuple[Loose, Problem]] = []
    told: set[tuple[Path, str, str]] = set()
    for candidate in candidates:
        if isinstance(candidate, Problem):
            gathered.problems.append(candidate)
            continue
        if candidate.placed.claimed_sha256:
            claims[candidate.path] = candidate.placed.claimed_sha256
        real = identity_of(candidate.path)
        if real in owner:
            _also(gathered.held, owner[real], candidate)
            continue
        gathered.described.add(candidate.path)
        try:
            file = describe(candidate.path)
        except ModelFileError as error:
            owner[real] = None
            problem = Problem(candidate.path, error)
            if (other := projector(candidate.path)) is not None:
                loose.append((other, problem))
            elif (same := (candidate.path.parent, stem_of(candidate.path), error.message)) not in told:
                told.add(same)
                gathered.problems.append(problem)
            continue
        owner.update(dict.fromkeys(map(identity_of, file.files), len(gathered.held)))
        owner[real] = len(gathered.held)
        gathered.held.append(_held(file, candidate))
    gathered.held = [_with_claims(held, claims) for held in gathered.held]
    _attach(gathered, loose)
    return gathered


def identity_of(path: Path) -> str:
    """What a real file is known by whatever leads to it: links of both kinds give the same."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:  # whoever describes the file says what is wrong with it
        return os.path.realpath(path)
    # Some network file systems number no files.
    return f"{status.st_dev}:{status.st_ino}" if status.st_ino else os.path.realpath(path)


def _held(file: ModelFile, candidate: Candidate) -> Held:
    placed = candidate.placed
    if placed.called and file.title == stem_of(file.path):  # the metadata say no name, and the file's own says nothing
        file = dataclasses.replace(file, title=placed.called)
    return Held(
        file,
        candidate.program,
        own=False,
        identity=placed.identity or str(file.path),
        called=placed.called,
        stem=placed.stem,
        licences=placed.licences,
        together=placed.together,
        listed=placed.companions,
    )


def _also(held: list[Held], index: int | None, candidate: Candidate) -> None:
    if index is None:
        return
    first = held[index]
    placed = candidate.placed
    # The other parts of a split model come by too.
    if placed.path in first.file.files and (first.file.parts or placed.called in (None, first.called)):
        return
    same = (placed.path.parent, stem_of(placed.path), placed.called if not first.file.parts else None)
    known = {
        (copy.path.parent, stem_of(copy.path), copy.called if not first.file.parts else None) for copy in first.copies
    }
    if same not in known:
        there = dataclasses.replace(
            first,
            file=dataclasses.replace(first.file, path=candidate.path),
            program=candidate.program,
            called=placed.called,
            copies=(),
        )
        held[index] = with_copy(first, there, Sameness.FILE)


def _with_claims(held: Held, claims: dict[Path, str]) -> Held:
    # A claim about any path to the file is one about the file.
    by_path = {path: claims[path] for path in held.file.files if path in claims}
    if not by_path and not held.file.parts:
        told = [claims[copy.path] for copy in held.copies if copy.path in claims]
        by_path = dict.fromkeys(held.file.files, told[0]) if told else {}
    return dataclasses.replace(held, claims=tuple(by_path.items()))


def _attach(gathered: Gathered, loose: Sequence[tuple[Loose, Problem]]) -> None:
    others = [other for other, _ in loose]
    used: set[str] = set()
    for index, held in enumerate(gathered.held):
        found = companions_of(held.file, others, held.listed, together=held.together)
        used.update(identity_of(companion.path) for companion in found)
        gathered.held[index] = dataclasses.replace(held, companions=tuple(found))
    gathered.problems += [problem for other, problem in loose if identity_of(other.path) not in used]
