"""A model in another quantisation, made by llama.cpp in a child process; ending the child is the cancel."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workbench.engine import importance_file, native
from workbench.engine.child import Child, ChildCrashedError, ChildGarbledError, ChildTimeoutError
from workbench.engine.importance import Measuring, measure
from workbench.engine.lineage import Lineage, importance_metadata
from workbench.engine.quantisations import Quantisation
from workbench.engine.told import checked, failed, told
from workbench.errors import QuantiseError
from workbench.hardware.words import human_bytes
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.models.ggml_types import BY_NAME, TENSOR_TYPES
from workbench.models.header import read_header
from workbench.words import said

FreeBytes: TypeAlias = Callable[[Path], int]

FLOOR_BYTES = 256 * 1024 * 1024  # left free on the disk: the program's own database lies there too

_PLAIN = ("F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64")
_STAGE_S = 3600.0  # of a single tensor
_READ_BYTES = 1 << 20
_ALIGNMENT = 32  # llama-quant.cpp writes with gguf's default, whatever the source's was
_ADDED_BYTES = 4096  # of metadata that a quantisation adds


@dataclass(frozen=True, slots=True)
class Hashed:
    """The source is being read for its SHA-256."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Quantising:
    """``written_bytes`` of about ``total_bytes`` are on the disk."""

    done_tensors: int
    total_tensors: int
    written_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Quantised:
    """``fallback`` is how many tensors got another type than the asked one, as their rows are no multiple of its
    block: llama.cpp's words, None where there was none."""

    path: Path
    size_bytes: int
    lineage: Lineage
    fallback: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """``importance`` is a file in llama.cpp's GGUF form; of ``texts`` one is measured first, and kept beside the target
    as NAME.imatrix.  ``replace`` lets existing files go."""

    source: ModelFile
    target: Path
    quantisation: Quantisation
    importance: Path | None = None
    texts: tuple[Path, ...] = ()
    n_threads: int = 1
    allow_requantise: bool = False
    replace: bool = False

    @property
    def measured_importance(self) -> Path:
        return self.target.with_suffix(".imatrix")  # not .gguf: it is no model


Event: TypeAlias = Hashed | Measuring | Quantising


def requantise(
    asked: Wish,
    *,
    now: Callable[[], datetime.datetime],
    free_bytes: FreeBytes = lambda folder: shutil.disk_usage(folder).free,
) -> Task[Event, Quantised]:
    """Write the target, whole or not at all; a split source becomes one file.

    Raises QuantiseError for what cannot or should not be done, before anything is written; EngineCrashedError where
    llama.cpp ended the child; Cancelled.  A source without a known SHA-256 is read once for it.
    """

    def task(cancel: CancelToken) -> Generator[Event, None, Quantised]:
        check(asked)
        wish = yield from _with_importance(asked, cancel)
        lineage = yield from _lineage(wish, now(), cancel)
        part = wish.target.absolute().with_name(wish.target.name + ".part")
        try:
            with Child() as child:
                request = _request(wish, part, lineage)
                total_bytes = yield from _planned(child, wish, request, cancel, free_bytes)

                def reached(done: int, total: int) -> Quantising:
                    return Quantising(done, total, _size(part), total_bytes)

                report = yield from told(child, "quantise", request, cancel, stage_s=_STAGE_S, event=reached)
                result = checked(report)
            _finish(part, wish)
        except (ChildCrashedError, ChildTimeoutError, ChildGarbledError) as error:
            raise failed("quantised", wish.source.path, error) from error
        finally:
            part.unlink(missing_ok=True)
        fallback = result["fallback"]
        return Quantised(wish.target, _size(wish.target), lineage, str(fallback) if fallback else None)

    return task


def check(wish: Wish) -> None:
    """What can be said without llama.cpp.  Raises QuantiseError."""
    source, target, kind = wish.source, wish.target, wish.quantisation
    # However it is spelt, or linked to: with ``replace`` the source would be lost.
    if target.exists() and any(target.samefile(path) for path in source.files):
        raise QuantiseError(
            said("{target} is the source itself.", target=target.name), hint=said("Give the new file another name.")
        )
    for new in (target, *([wish.measured_importance] if wish.texts else [])):
        if new.exists() and not wish.replace:
            raise QuantiseError(
                said("{new} is there already.", new=new),
                hint=said("Choose another name, or say --force to replace it."),
            )
    if target.suffix != ".gguf":
        raise QuantiseError(
            said("{target} does not end in .gguf.", target=target.name),
            hint=said("Call it {stem}.gguf.", stem=target.stem),
        )
    if not target.absolute().parent.is_dir():
        raise QuantiseError(said("There is no folder {parent}.", parent=target.parent), hint=said("Create it first."))
    quantised = any(TENSOR_TYPES[tensor.type_id].name not in _PLAIN for tensor in source.header.tensors)
    if quantised and not wish.allow_requantise:
        raise QuantiseError(
            said(
                "{source} is quantised already ({quantisation}): what was lost is lost, and more would be.",
                source=source.name,
                quantisation=source.quantisation,
            ),
            hint=said("Start from the F16, BF16 or F32 file of the model; --allow-requantize does it all the same."),
        )
    if wish.importance is not None and wish.texts:
        raise QuantiseError(
            said("An importance matrix is either given or measured on texts, not both."),
            hint=said("Choose one of --imatrix and --imatrix-from."),
        )
    if kind.needs_importance and wish.importance is None and not wish.texts:
        raise _needs_importance(kind)
    if wish.importance is not None:
        importance = importance_file.read(wish.importance)
        name = wish.importance.name
        importance_file.check_for(importance, source.header.tensors, name=name, model=source.name)


def _needs_importance(kind: Quantisation) -> QuantiseError:
    return QuantiseError(
        said("{kind} has so few bits that it needs an importance matrix.", kind=kind.name),
        hint=said(
            "Compute one from texts like those you use the model for: --imatrix-from TEXT; or give a file: --imatrix."
        ),
    )


def _with_importance(wish: Wish, cancel: CancelToken) -> Generator[Measuring, None, Wish]:
    if not wish.texts:
        return wish
    task = measure(wish.source, wish.texts, wish.measured_importance, n_threads=wish.n_threads)
    measured = yield from task(cancel)
    return dataclasses.replace(wish, importance=measured.path, texts=())


def _lineage(wish: Wish, now: datetime.datetime, cancel: CancelToken) -> Generator[Hashed, None, Lineage]:
    sha256 = wish.source.sha256
    if sha256 is None:
        sha256 = yield from _sha256(wish.source.path, cancel)
    of_importance = None
    if wish.importance is not None:
        of_importance = hashlib.sha256(wish.importance.read_bytes()).hexdigest()
    made_at = now.astimezone(datetime.UTC).isoformat(timespec="seconds")
    kind = wish.quantisation.name
    return Lineage(wish.source.path.name, sha256, kind, of_importance, native.package_version(), made_at)


def _sha256(path: Path, cancel: CancelToken) -> Generator[Hashed, None, str]:
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            cancel.raise_if_cancelled()
            digest.update(block)
            done += len(block)
            yield Hashed(done, total)
    return digest.hexdigest()


def _request(wish: Wish, part: Path, lineage: Lineage) -> dict[str, object]:
    metadata = lineage.metadata()
    if wish.importance is not None:
        found = importance_file.read(wish.importance)
        metadata |= importance_metadata(wish.importance, matrices=len(found.sums), chunks=found.chunk_count)
    return {
        "source": str(wish.source.path.absolute()),
        "target": str(part),
        "file_type": wish.quantisation.number,
        "importance": str(wish.importance.absolute()) if wish.importance is not None else None,
        "metadata": metadata,
        "n_threads": wish.n_threads,
        "allow_requantise": wish.allow_requantise,
        "dry_run": False,
    }


def _planned(
    child: Child, wish: Wish, request: Mapping[str, object], cancel: CancelToken, free_bytes: FreeBytes
) -> Generator[Quantising, None, int]:
    """About how many bytes it will be, by llama.cpp's own plan; the target's folder has room for them.

    Raises QuantiseError where it has not, and where the plan needs an importance matrix.
    """
    dry = {**request, "dry_run": True}
    plan = checked(
        (
            yield from told(
                child, "quantise", dry, cancel, stage_s=_STAGE_S, event=lambda _, total: Quantising(0, total, 0, 0)
            )
        )
    )
    if plan["needs_importance"] and wish.importance is None:
        raise _needs_importance(wish.quantisation)
    types = plan["types"]
    assert isinstance(types, dict)
    total = planned_bytes(wish.source, types)
    folder = wish.target.absolute().parent
    left = free_bytes(folder)
    if total + FLOOR_BYTES > left:
        raise QuantiseError(
            said(
                "{target} will take {total}; {left} are free in {folder}.",
                target=wish.target.name,
                total=human_bytes(total),
                left=human_bytes(left),
                folder=folder,
            ),
            hint=said("Free some room there, or write it to another disk."),
        )
    return total


def planned_bytes(source: ModelFile, types: Mapping[str, str]) -> int:
    """The size of the file in which these tensors have another type; metadata are counted as the source's and a
    little."""

    def sizes() -> Iterator[int]:
        for tensor in source.header.tensors:
            kind = BY_NAME[types[tensor.name].lower()] if tensor.name in types else None
            size = kind.row_bytes(tensor.element_count) if kind else tensor.size_bytes
            yield size + -size % _ALIGNMENT

    return source.header.data_offset_bytes + _ADDED_BYTES + sum(sizes())


def _finish(part: Path, wish: Wish) -> None:
    """On the disk and whole: then it gets its name.  Raises QuantiseError, BadGgufError."""
    header = read_header(part)
    if len(header.tensors) != len(wish.source.header.tensors):
        raise QuantiseError(
            said(
                "llama.cpp wrote {written} of {all} tensors.",
                written=len(header.tensors),
                all=len(wish.source.header.tensors),
            ),
            hint=said("The disk may be full; nothing was kept."),
        )
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    if wish.target.exists() and not wish.replace:
        raise QuantiseError(
            said("{target} came into being meanwhile.", target=wish.target), hint=said("Choose another name.")
        )
    part.replace(wish.target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
