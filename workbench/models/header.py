"""The header of a GGUF file: metadata and tensor list, read within bounds and without the weights."""

from __future__ import annotations

import hashlib
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from workbench.errors import BadGgufError, ModelFileError
from workbench.models.cursor import Cursor
from workbench.models.ggml_types import TENSOR_TYPES

MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 16
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1 << 20
MAX_LAYERS = 512  # LLAMA_MAX_LAYERS of the pinned engine
MAX_KEPT_ELEMENTS = 4096

_MAX_NAME_BYTES = 64  # GGML_MAX_NAME, its closing zero included
_MAX_ELEMENTS = (1 << 63) - 1
_DEFAULT_ALIGNMENT = 32

_UINT32, _BOOL, _STRING, _ARRAY = 4, 7, 8, 9
# The struct code of each GGUF value type that is one number.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_STRUCTS = {type_id: struct.Struct("<" + code) for type_id, code in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Array:
    """An array of the metadata; ``values`` is None where it was skipped (strings, long arrays)."""

    type_id: int
    count: int
    values: tuple[int | float | bool, ...] | None = None


Value: TypeAlias = int | float | bool | str | Array


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type_id: int
    offset_bytes: int
    size_bytes: int

    @property
    def element_count(self) -> int:
        kind = TENSOR_TYPES[self.type_id]
        return self.size_bytes // kind.block_bytes * kind.block_elements


@dataclass(frozen=True, slots=True)
class Header:
    """``data_offset_bytes`` is where the weights begin; ``sha256`` is that of the header's own bytes,
    so two headers are equal when it is."""

    version: int
    metadata: Mapping[str, Value] = field(repr=False, compare=False)
    tensors: tuple[Tensor, ...] = field(repr=False, compare=False)
    alignment: int
    data_offset_bytes: int
    file_size_bytes: int
    sha256: str

    def text(self, key: str) -> str | None:
        """The value where it is a text that says something, else None."""
        value = self.metadata.get(key)
        return value.strip() or None if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, key: str) -> bool:
        return self.metadata.get(key) is True

    def count(self, key: str) -> int:
        """The length of an array, 0 where there is none."""
        value = self.metadata.get(key)
        return value.count if isinstance(value, Array) else 0

    @property
    def architecture(self) -> str | None:
        return self.text("general.architecture")


def read_header(path: Path) -> Header:
    """Raises BadGgufError for anything that is not a whole, sane GGUF of version 2 or 3, and
    ModelFileError for a path that cannot be read.

    Nothing is read beyond the header.  Counts, lengths, dimensions and offsets are bounded before they
    are used: the file may be hostile.
    """
    try:
        status = path.stat()
        # Checked before opening: opening a pipe would wait for its writer.
        if stat.S_ISDIR(status.st_mode):
            raise ModelFileError(f"{path.name or path} is a folder.", hint="Choose a file that ends in .gguf.")
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{path.name} is not an ordinary file.", hint="Choose a file that ends in .gguf.")
        with path.open("rb") as file:
            return _scan(Cursor(file, path.name, status.st_size), path.name, status.st_size)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no file {path}.", hint="Check the path and the spelling.") from error
    except PermissionError as error:
        raise ModelFileError(
            f"{path.name} may not be read by this user.", hint="Change the file's permissions, or copy it."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelFileError(f"{path.name} cannot be read: {reason}.", hint="Check the path and the disk.") from error


def _scan(cursor: Cursor, name: str, file_size_bytes: int) -> Header:
    version = _read_version(cursor, name, file_size_bytes)
    tensor_count, key_count = cursor.u64(), cursor.u64()
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise cursor.bad(f"it promises {tensor_count} tensors and {key_count} metadata entries")
    metadata = _read_metadata(cursor, key_count)
    alignment = _alignment(cursor, metadata)
    _check_layers(cursor, metadata)
    tensors = _read_tensors(cursor, tensor_count, alignment)
    data_offset = _padded(cursor.position, alignment)
    if tensors:
        promised = data_offset + max(tensor.offset_bytes + tensor.size_bytes for tensor in tensors)
        if promised > file_size_bytes:
            raise BadGgufError(
                f"{name} ends at {file_size_bytes} bytes but its header promises {promised}: "
                "the download is probably incomplete.",
                hint="Download the file again.",
            )
    return Header(
        version=version,
        metadata=metadata,
        tensors=tensors,
        alignment=alignment,
        data_offset_bytes=data_offset,
        file_size_bytes=file_size_bytes,
        sha256=hashlib.sha256(cursor.head()).hexdigest(),
    )


# --- the first eight bytes -------------------------------------------------------------------


def _read_version(cursor: Cursor, name: str, file_size_bytes: int) -> int:
    if file_size_bytes == 0:
        raise BadGgufError(f"{name} is empty.", hint="Download the file again.")
    start = cursor.raw(min(24, file_size_bytes))
    if start[:4] != b"GGUF":
        raise _not_a_gguf(name, start)
    cursor.position = 4
    version = cursor.u32()
    if version in (2, 3):
        return version
    if version & 0xFFFF == 0 and version:
        raise BadGgufError(
            f"{name} is a big-endian GGUF, made for another kind of processor.",
            hint="Download the little-endian file of the same model.",
        )
    if version == 1:
        raise BadGgufError(
            f"{name} is a GGUF of version 1, which llama.cpp no longer reads.",
            hint="Download a newer file of the same model.",
        )
    raise BadGgufError(
        f"{name} is a GGUF of version {version}; this program reads versions 2 and 3.",
        hint="Update the program, or download another file of the same model.",
    )


def _not_a_gguf(name: str, start: bytes) -> BadGgufError:
    if start.startswith(b"version https://git-lfs"):
        return BadGgufError(
            f"{name} is a Git LFS pointer, not the model itself.",
            hint="Fetch the real file: `git lfs pull`, or download it from the model's page.",
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return BadGgufError(
            f"{name} is a web page, not a model: the download was answered with a page.",
            hint="Download the file again; some models need a licence accepted on their page first.",
        )
    if start[:4] in (b"lmgg", b"tjgg", b"fmgg", b"algg"):
        return BadGgufError(
            f"{name} is in a format from before GGUF, which llama.cpp no longer reads.",
            hint="Download a GGUF of the same model.",
        )
    first_line = start.splitlines()[0].decode("latin-1")
    readable = first_line.isascii() and first_line.isprintable() and first_line
    shown = f'"{first_line}"' if readable else start[:8].hex(" ")
    return BadGgufError(
        f"{name} is not a GGUF file (it starts with {shown}).", hint="Choose a model file that ends in .gguf."
    )


# --- metadata --------------------------------------------------------------------------------


def _read_metadata(cursor: Cursor, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.text()
        if key in metadata:
            raise cursor.bad(f"the metadata entry {_quoted(key)} comes twice")
        metadata[key] = _read_value(cursor, key, cursor.u32())
    return metadata


def _read_value(cursor: Cursor, key: str, type_id: int) -> Value:
    if type_id == _STRING:
        return cursor.text()
    if type_id == _ARRAY:
        return _read_array(cursor, key)
    if type_id not in _STRUCTS:
        raise cursor.bad(f"the metadata entry {_quoted(key)} has the unknown type {type_id}")
    value = cursor.unpack(_STRUCTS[type_id])[0]
    return bool(value) if type_id == _BOOL else value


def _read_array(cursor: Cursor, key: str) -> Array:
    type_id, count = cursor.u32(), cursor.u64()
    if type_id == _STRING:
        cursor.skip_strings(count)
        return Array(type_id, count)
    if type_id not in _NUMBERS:
        raise cursor.bad(f"the metadata list {_quoted(key)} has the unknown type {type_id}")
    size_bytes = count * _STRUCTS[type_id].size
    if size_bytes > cursor.remaining_bytes():
        raise cursor.bad(f"the metadata list {_quoted(key)} promises {count} values")
    if count > MAX_KEPT_ELEMENTS:
        cursor.skip(size_bytes)
        return Array(type_id, count)
    values = cursor.unpack(struct.Struct(f"<{count}{_NUMBERS[type_id]}"))
    return Array(type_id, count, tuple(map(bool, values)) if type_id == _BOOL else values)


def _alignment(cursor: Cursor, metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise cursor.bad("its alignment is not a power of two up to 1 MiB")
    return alignment


def _check_layers(cursor: Cursor, metadata: Mapping[str, Value]) -> None:
    layers = metadata.get(f"{metadata.get('general.architecture')}.block_count")
    if layers is not None and not (isinstance(layers, int) and 0 < layers <= MAX_LAYERS):
        raise cursor.bad(f"it says it has {layers if isinstance(layers, int | float) else 'no number of'} layers")


# --- tensors ---------------------------------------------------------------------------------


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    names: set[str] = set()
    expected_offset = 0
    for _ in range(count):
        tensor = _read_tensor(cursor)
        if tensor.name in names:
            raise cursor.bad(f"the tensor {_quoted(tensor.name)} comes twice")
        if tensor.offset_bytes != expected_offset:  # llama.cpp too demands them back to back
            raise cursor.bad(f"the tensor {_quoted(tensor.name)} is not where it should be")
        names.add(tensor.name)
        tensors.append(tensor)
        expected_offset = _padded(expected_offset + tensor.size_bytes, alignment)
    return tuple(tensors)


def _read_tensor(cursor: Cursor) -> Tensor:
    name = cursor.text()
    if not name or len(name.encode()) >= _MAX_NAME_BYTES:
        raise cursor.bad(f"it has a tensor with a name of {len(name)} letters")
    dimensions = cursor.u32()
    if dimensions > MAX_DIMENSIONS:
        raise cursor.bad(f"the tensor {_quoted(name)} has {dimensions} dimensions")
    shape = tuple(cursor.u64() for _ in range(dimensions))
    type_id, offset_bytes = cursor.u32(), cursor.u64()
    kind = TENSOR_TYPES.get(type_id)
    if kind is None:
        raise BadGgufError(
            cursor.bad(f"the tensor {_quoted(name)} has the type {type_id}, unknown or no longer in use").message,
            hint="A newer program may know it; else download another quantisation of the model.",
        )
    elements = 1
    for extent in shape:
        elements *= extent
        if not 0 < elements <= _MAX_ELEMENTS:
            raise cursor.bad(f"the tensor {_quoted(name)} has an impossible size")
    if (shape[0] if shape else 1) % kind.block_elements:
        raise cursor.bad(f"the rows of the tensor {_quoted(name)} are no multiple of its type's block")
    return Tensor(name, shape, type_id, offset_bytes, kind.row_bytes(elements))


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _quoted(text: str) -> str:
    """Text from a file that may be hostile, short and without control characters."""
    return ascii(text if len(text) <= 64 else text[:64] + "…")
