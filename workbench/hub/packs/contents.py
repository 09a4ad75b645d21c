"""What goes into a pack, and under which paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from workbench.errors import PackError
from workbench.hub.packs import carried
from workbench.hub.packs.manifest import FOLDERS, SETTINGS, Kind, PackedModel
from workbench.hub.packs.names import plain_name
from workbench.models.file import ModelFile
from workbench.models.split import name_of, part_name
from workbench.words import said

ExtraKind: TypeAlias = Literal["catalogue", "suite", "results"]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a licence, or of a notice that goes with one; the same name and text twice is one file."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ModelContent:
    """A model of the library with what goes along.  ``licence`` is the one it carries, its file's own unless given;
    ``companions`` are files such as an image projector."""

    file: ModelFile
    companions: tuple[Path, ...] = ()
    licence: str | None = None
    licence_texts: tuple[Text, ...] = ()
    repository: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """A catalogue, a suite or results; ``name`` may have folders, with ``/``."""

    kind: ExtraKind
    name: str
    content: bytes | Path


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything for one pack; of the settings only those go along that shape answers."""

    name: str
    models: tuple[ModelContent, ...] = ()
    extras: tuple[Extra, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be: ``sha256`` is what it should have, where that is known."""

    path: str
    kind: Kind
    content: bytes | Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Laid:
    """Small files first: they can be read from a pack whose end is still on its way."""

    sources: tuple[Source, ...]
    models: tuple[PackedModel, ...]


def lay_out(contents: Contents) -> Laid:
    """Raises PackError for models or extras that cannot go into a pack."""
    if not contents.models and not contents.extras:
        raise PackError(
            said("There is nothing to put into the pack."), hint=said("Name at least one model, or results.")
        )
    texts: dict[str, Source] = {}
    weights: list[Source] = []
    models: list[PackedModel] = []
    folders: set[str] = set()
    for content in contents.models:
        folder = FOLDERS["model"] + _free(plain_name(content.file.name), folders)
        if content.file.origin is not None:
            raise PackError(
                said("{file} is not on this machine.", file=content.file.name),
                hint=said("Download it first, then make the pack."),
            )
        own = [Source(f"{folder}/{name}", "model", path, sha) for name, path, sha in _files(content.file)]
        along = [Source(f"{folder}/{_file_name(path)}", "model", path) for path in content.companions]
        licence_paths = tuple(_add_text(text, texts) for text in content.licence_texts)
        weights += [*own, *along]
        models.append(_packed(content, own, along, licence_paths))
    small = [*texts.values()]
    settings = carried.written(contents.settings)
    if settings:
        small.append(Source(SETTINGS, "settings", settings))
    extras = [Source(FOLDERS[extra.kind] + extra.name, extra.kind, extra.content) for extra in contents.extras]
    return Laid((*small, *extras, *weights), tuple(models))


def _packed(
    content: ModelContent, own: Sequence[Source], along: Sequence[Source], licence_paths: tuple[str, ...]
) -> PackedModel:
    file = content.file
    return PackedModel(
        name=file.name,
        title=file.title,
        family=file.family.value,
        architecture=file.architecture,
        quantisation=file.quantisation,
        parameter_count=file.parameter_count,
        synthetic=file.synthetic,
        files=tuple(source.path for source in own),
        companions=tuple(source.path for source in along),
        licence=content.licence or file.licence or None,
        licence_texts=licence_paths,
        repository=content.repository,
        commit=content.commit,
    )


def _files(file: ModelFile) -> Iterator[tuple[str, Path, str | None]]:
    """Name in the pack, path and known hash of each file of a model."""
    for path in file.files:
        yield _file_name(path), path, None if file.parts else file.sha256


def _file_name(path: Path) -> str:
    split = part_name(path.name)
    if split is not None:
        return name_of(plain_name(split.prefix), split.number, split.count)
    return f"{plain_name(path.stem)}.gguf"


def _add_text(text: Text, texts: dict[str, Source]) -> str:
    """The path of a licence's text, one for all models that share it."""
    stem, dot, ending = text.name.rpartition(".")
    number = 1
    while True:
        name = text.name if number == 1 else f"{stem or ending}-{number}{dot + ending if stem else ''}"
        source = Source(FOLDERS["licence"] + plain_name(name), "licence", text.content)
        # Names that differ in capitals only are one on some systems.
        there = texts.setdefault(source.path.casefold(), source)
        if there.content == text.content:
            return there.path
        number += 1


def _free(name: str, taken: set[str]) -> str:
    wish, number = name, 2
    while wish.casefold() in taken:
        wish, number = f"{name}-{number}", number + 1
    taken.add(wish.casefold())
    return wish
