"""Importance matrices: the mean squared input of each weight column, in llama.cpp's GGUF form.

For each matrix NAME the file holds NAME.in_sum2, the sums of squares of its input channels over all tokens, and
NAME.counts, how many tokens those were; of experts one row each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ModelFileError, QuantiseError
from workbench.models.cursor import quoted
from workbench.models.header import Tensor, read_header
from workbench.words import said

_SUMS, _COUNTS = ".in_sum2", ".counts"
_ALIGNMENT = 32
_F32 = 0
_U32, _STRING, _ARRAY = 4, 8, 9


@dataclass(frozen=True, slots=True)
class Importance:
    """``sums`` has a row for each expert (one where there are none), ``counts`` the tokens each row has seen."""

    sums: Mapping[str, NDArray[np.float32]] = field(repr=False)
    counts: Mapping[str, NDArray[np.float32]] = field(repr=False)
    chunk_count: int
    chunk_tokens: int

    def means(self) -> dict[str, NDArray[np.float32]]:
        """What llama.cpp weighs errors with: sums over counts, and 1 for experts that saw no token."""
        found = {}
        for name, sums in self.sums.items():
            counts = self.counts[name].reshape(-1, 1)
            rows = sums.reshape(len(counts), -1)
            means = np.where(counts > 0, rows / np.maximum(counts, 1), np.float32(1))
            found[name] = np.ascontiguousarray(means, np.float32).reshape(-1)
        return found


def write(path: Path, importance: Importance, *, datasets: Sequence[str]) -> None:
    """``datasets`` name the texts it was computed on."""
    tensors: list[tuple[str, NDArray[Any]]] = []
    for name in sorted(importance.sums):
        counts = importance.counts[name].reshape(-1, 1)
        tensors += [(name + _SUMS, importance.sums[name].reshape(len(counts), -1)), (name + _COUNTS, counts)]
    with path.open("wb") as file:
        head = b"".join(_head(tensors, importance, datasets))
        file.write(head + _padding(len(head)))
        for _, values in tensors:
            body = values.astype("<f4").tobytes()
            file.write(body + _padding(len(body)))


def _head(
    tensors: Sequence[tuple[str, NDArray[Any]]], importance: Importance, datasets: Sequence[str]
) -> Iterator[bytes]:
    yield b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 4)
    yield _text("general.type") + struct.pack("<I", _STRING) + _text("imatrix")
    yield _text("imatrix.datasets") + struct.pack("<IIQ", _ARRAY, _STRING, len(datasets))
    yield from map(_text, datasets)
    yield _text("imatrix.chunk_count") + struct.pack("<II", _U32, importance.chunk_count)
    yield _text("imatrix.chunk_size") + struct.pack("<II", _U32, importance.chunk_tokens)
    offset = 0
    for name, values in tensors:
        rows, columns = values.shape
        yield _text(name) + struct.pack("<IQQIQ", 2, columns, rows, _F32, offset)
        offset += 4 * values.size
        offset += -offset % _ALIGNMENT


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _padding(position: int) -> bytes:
    return bytes(-position % _ALIGNMENT)


def read(path: Path) -> Importance:
    """Raises QuantiseError for anything that is not a whole importance matrix of finite numbers."""
    try:
        header = read_header(path)
        content = np.memmap(path, np.uint8, "r", header.data_offset_bytes) if header.tensors else None
    except ModelFileError as error:
        raise QuantiseError(
            said("The importance matrix cannot be read: {message}", message=error.message),
            hint=said("Older .dat files have to be converted: llama-imatrix --in-file OLD.dat -o NEW.gguf"),
        ) from error
    sums: dict[str, NDArray[np.float32]] = {}
    counts: dict[str, NDArray[np.float32]] = {}
    for tensor in header.tensors:
        for suffix, found in ((_SUMS, sums), (_COUNTS, counts)):
            if tensor.name.endswith(suffix) and tensor.type_id == _F32 and content is not None:
                end = tensor.offset_bytes + tensor.size_bytes
                values = np.frombuffer(content[tensor.offset_bytes : end].tobytes(), "<f4")
                found[tensor.name.removesuffix(suffix)] = values.astype(np.float32)
    _check(path, sums, counts)
    chunks = header.integer("imatrix.chunk_count") or 0
    return Importance(sums, counts, chunks, header.integer("imatrix.chunk_size") or 0)


def _check(path: Path, sums: Mapping[str, NDArray[np.float32]], counts: Mapping[str, NDArray[np.float32]]) -> None:
    if not sums or sums.keys() != counts.keys():
        raise QuantiseError(
            said(
                "{file} is no importance matrix: it does not hold sums and counts of the same matrices.", file=path.name
            ),
            hint=said("Give one that llama-imatrix wrote, or texts with --imatrix-from."),
        )
    for name, values in sums.items():
        if len(counts[name]) == 0 or len(values) % len(counts[name]):
            raise QuantiseError(
                said("{file} has sums and counts of {name} that do not go together.", file=path.name, name=quoted(name))
            )
        if not (np.isfinite(values).all() and np.isfinite(counts[name]).all() and (values >= 0).all()):
            raise QuantiseError(
                said("{file} holds values of {name} that are no sums of squares.", file=path.name, name=quoted(name)),
                hint=said("The file is damaged, or the model it was computed with is."),
            )


def check_for(importance: Importance, tensors: Sequence[Tensor], *, name: str, model: str) -> None:
    """Whether it belongs to a model, by its matrices' names and widths.  Raises QuantiseError."""
    by_name = {tensor.name: tensor for tensor in tensors}
    strange = next((one for one in importance.sums if one not in by_name), None)
    if strange is not None:
        raise QuantiseError(
            said(
                "The importance matrix {name} belongs to another model: {model} has no {strange}.",
                name=name,
                model=model,
                strange=quoted(strange),
            ),
            hint=said("Compute one for this model: --imatrix-from TEXT."),
        )
    for one, sums in importance.sums.items():
        shape = by_name[one].shape
        wide = shape[0] * (shape[2] if len(shape) > 2 else 1)
        if len(sums) != wide:
            raise QuantiseError(
                said(
                    "The importance matrix {name} belongs to another model: {one} has {wide:,} input channels "
                    "in {model}, and {sums_count:,} there.",
                    name=name,
                    one=one,
                    wide=wide,
                    model=model,
                    sums_count=len(sums),
                ),
                hint=said("Compute one for this model: --imatrix-from TEXT."),
            )
