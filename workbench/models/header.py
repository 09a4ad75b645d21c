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
from workbench.models.cursor import MAX_HEADER_BYTES, Cursor, FirstBytes, HeaderIncomplete, quoted
from workbench.models.ggml_types import TENSOR_TYPES
from workbench.words import said

__all__ = ["Array", "Header", "HeaderIncomplete", "Tensor", "Value", "read_header", "scan"]

MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 16
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1 << 20
MAX_LAYERS = 512  # LLAMA_MAX_LAYERS of the pinned engine
MAX_KEPT_ELEMENTS = 4096
MAX_KEPT_IN_ALL = 1 << 17

TOKENIZER_PREFIX = "tokenizer."

_MAX_NAME_BYTES = 64  # GGML_MAX_NAME, its closing zero included
_MAX_ELEMENTS = (1 << 63) - 1
_DEFAULT_ALIGNMENT = 32
_ALIGNMENT_KEY = "general.alignment"

# The least a metadata entry can take (length, letter, type, value) and a tensor's (length, letter, dimensions, type,
# offset): what the counts of a header promise before it is read.
_LEAST_ENTRY_BYTES = 8 + 1 + 4 + 1
_LEAST_TENSOR_BYTES = 8 + 1 + 4 + 4 + 8

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
    """``offset_bytes`` counts from where the weights of its own file begin; ``part`` says which file, from 0."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset_bytes: int
    size_bytes: int
    part: int = 0

    @property
    def element_count(self) -> int:
        kind = TENSOR_TYPES[self.type_id]
        return self.size_bytes // kind.block_bytes * kind.block_elements


@dataclass(frozen=True, slots=True)
class Header:
    """``data_offset_bytes`` is where the weights begin; ``sha256`` is that of the header's own bytes,
    so two headers are equal when it is.

    ``end_bytes`` is where the tensor list ends, before the padding.  ``tokenizer_span`` are the bytes from the
    first to the last of consecutive keys that begin with "tokenizer." (of several such runs the longest): the
    same in every quantisation of a model.
    """

    version: int
    metadata: Mapping[str, Value] = field(repr=False, compare=False)
    tensors: tuple[Tensor, ...] = field(repr=False, compare=False)
    alignment: int
    data_offset_bytes: int
    file_size_bytes: int
    sha256: str
    end_bytes: int = 0
    tokenizer_span: tuple[int, int] | None = field(default=None, compare=False)

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
            raise ModelFileError(
                said("{file} is a folder.", file=path.name or path), hint=said("Choose a file that ends in .gguf.")
            )
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(
                said("{file} is not an ordinary file.", file=path.name), hint=said("Choose a file that ends in .gguf.")
            )
        with path.open("rb") as file:
            return _scan(Cursor(b"", path.name, status.st_size, file.read), path.name, status.st_size)
    except FileNotFoundError as error:
        raise ModelFileError(
            said("There is no file {path}.", path=path), hint=said("Check the path and the spelling.")
        ) from error
    except PermissionError as error:
        raise ModelFileError(
            said("{file} may not be read by this user.", file=path.name),
            hint=said("Change the file's permissions, or copy it."),
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelFileError(
            said("{file} cannot be read: {why}.", file=path.name, why=reason),
            hint=said("Check the path and the disk."),
        ) from error


def scan(first_bytes: FirstBytes, *, name: str, file_size_bytes: int) -> Header:
    """The header of a file of which only the first bytes are at hand; ``file_size_bytes`` is the whole file's.

    Raises HeaderIncomplete while the header goes on beyond them, BadGgufError as ``read_header`` does.
    """
    return _scan(Cursor(first_bytes, name, file_size_bytes), name, file_size_bytes)


def _scan(cursor: Cursor, name: str, file_size_bytes: int) -> Header:
    version = _read_version(cursor, name, file_size_bytes)
    tensor_count, key_count = cursor.u64(), cursor.u64()
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise cursor.bad(
            said(
                "it promises {tensor_count} tensors and {key_count} metadata entries",
                tensor_count=tensor_count,
                key_count=key_count,
            )
        )
    metadata, tokenizer_span = _read_metadata(cursor, key_count, tensor_count * _LEAST_TENSOR_BYTES)
    alignment = _alignment(cursor, metadata)
    _check_layers(cursor, metadata)
    tensors = _read_tensors(cursor, tensor_count, alignment)
    end_bytes = cursor.position
    data_offset = _padded(end_bytes, alignment)
    if tensors:
        promised = data_offset + max(tensor.offset_bytes + tensor.size_bytes for tensor in tensors)
        if promised > file_size_bytes:
            raise _cut_short(name, file_size_bytes, promised)
    return Header(
        version=version,
        metadata=metadata,
        tensors=tensors,
        alignment=alignment,
        data_offset_bytes=data_offset,
        file_size_bytes=file_size_bytes,
        sha256=hashlib.sha256(cursor.head()).hexdigest(),
        end_bytes=end_bytes,
        tokenizer_span=tokenizer_span,
    )


def _cut_short(name: str, file_size_bytes: int, promised_bytes: int) -> BadGgufError:
    # Rounded down: what is incomplete never reads "100 %".
    percent = 100 * file_size_bytes // promised_bytes
    return BadGgufError(
        said(
            "{name} ends at {file_size_bytes} bytes but its header promises {promised_bytes}: only {percent} "
            "% of it is there, the download is probably incomplete.",
            name=name,
            file_size_bytes=file_size_bytes,
            promised_bytes=promised_bytes,
            percent=percent,
        ),
        hint=said("Let the download finish, or download the file again."),
    )


# --- the first eight bytes -------------------------------------------------------------------


def _read_version(cursor: Cursor, name: str, file_size_bytes: int) -> int:
    if file_size_bytes == 0:
        raise BadGgufError(said("{file} is empty.", file=name), hint=said("Download the file again."))
    start = cursor.raw(min(24, file_size_bytes))
    if start[:4] != b"GGUF":
        raise _not_a_gguf(name, start)
    cursor.position = 4
    version = cursor.u32()
    if version in (2, 3):
        return version
    if version & 0xFFFF == 0 and version:
        raise BadGgufError(
            said("{name} is a big-endian GGUF, made for another kind of processor.", name=name),
            hint=said("Download the little-endian file of the same model."),
        )
    if version == 1:
        raise BadGgufError(
            said("{name} is a GGUF of version 1, which llama.cpp no longer reads.", name=name),
            hint=said("Download a newer file of the same model."),
        )
    raise BadGgufError(
        said("{name} is a GGUF of version {version}; this program reads versions 2 and 3.", name=name, version=version),
        hint=said("Update the program, or download another file of the same model."),
    )


def _not_a_gguf(name: str, start: bytes) -> BadGgufError:
    if start.startswith(b"version https://git-lfs"):
        return BadGgufError(
            said("{name} is a Git LFS pointer, not the model itself.", name=name),
            hint=said("Fetch the real file: `git lfs pull`, or download it from the model's page."),
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return BadGgufError(
            said("{name} is a web page, not a model: the download was answered with a page.", name=name),
            hint=said("Download the file again; some models need a licence accepted on their page first."),
        )
    if start[:4] in (b"lmgg", b"tjgg", b"fmgg", b"algg"):
        return BadGgufError(
            said("{name} is in a format from before GGUF, which llama.cpp no longer reads.", name=name),
            hint=said("Download a GGUF of the same model."),
        )
    first_line = start.splitlines()[0].decode("latin-1")
    readable = first_line.isascii() and first_line.isprintable() and first_line
    shown = f'"{first_line}"' if readable else start[:8].hex(" ")
    return BadGgufError(
        said("{name} is not a GGUF file (it starts with {shown}).", name=name, shown=shown),
        hint=said("Choose a model file that ends in .gguf."),
    )


# --- metadata --------------------------------------------------------------------------------


def _read_metadata(
    cursor: Cursor, count: int, tensor_list_bytes: int
) -> tuple[dict[str, Value], tuple[int, int] | None]:
    """The entries, and the longest run of bytes that the tokenizer's entries take."""
    metadata: dict[str, Value] = {}
    span: tuple[int, int] | None = None
    run_start: int | None = None
    kept = 0
    for index in range(count):
        cursor.still_bytes = tensor_list_bytes + (count - index - 1) * _LEAST_ENTRY_BYTES
        start = cursor.position
        key = cursor.text()
        if not key or key in metadata:
            raise cursor.bad(
                said("the metadata entry {key} comes twice", key=quoted(key))
                if key
                else said("the metadata entry {key} has no name", key=quoted(key))
            )
        type_id = cursor.u32()
        if key == _ALIGNMENT_KEY and type_id != _UINT32:  # llama.cpp reads no other type
            raise cursor.bad(said("its alignment is no 32-bit number"))
        value = _read_value(cursor, key, type_id, MAX_KEPT_IN_ALL - kept)
        metadata[key] = value
        if isinstance(value, Array) and value.values is not None:
            kept += value.count
        if not key.startswith(TOKENIZER_PREFIX):
            run_start = None
            continue
        run_start = start if run_start is None else run_start
        if span is None or cursor.position - run_start > span[1] - span[0]:
            span = run_start, cursor.position
    return metadata, span


def _read_value(cursor: Cursor, key: str, type_id: int, keep_at_most: int) -> Value:
    if type_id == _STRING:
        return cursor.text()
    if type_id == _ARRAY:
        return _read_array(cursor, key, keep_at_most)
    if type_id not in _STRUCTS:
        raise cursor.bad(said("the metadata entry {key} has the unknown type {id}", key=quoted(key), id=type_id))
    value = cursor.unpack(_STRUCTS[type_id])[0]
    return bool(value) if type_id == _BOOL else value


def _read_array(cursor: Cursor, key: str, keep_at_most: int) -> Array:
    type_id, count = cursor.u32(), cursor.u64()
    if type_id == _STRING:
        cursor.skip_strings(count)
        return Array(type_id, count)
    if type_id not in _NUMBERS:
        raise cursor.bad(said("the metadata list {key} has the unknown type {id}", key=quoted(key), id=type_id))
    size_bytes = count * _STRUCTS[type_id].size
    if size_bytes > max(cursor.remaining_bytes(), MAX_HEADER_BYTES):
        raise cursor.bad(said("the metadata list {key} promises {count} values", key=quoted(key), count=count))
    if count > min(MAX_KEPT_ELEMENTS, keep_at_most):
        cursor.skip(size_bytes)
        return Array(type_id, count)
    values = cursor.unpack(struct.Struct(f"<{count}{_NUMBERS[type_id]}"))
    return Array(type_id, count, tuple(map(bool, values)) if type_id == _BOOL else values)


def _alignment(cursor: Cursor, metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get(_ALIGNMENT_KEY, _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise cursor.bad(said("its alignment is not a power of two up to 1 MiB"))
    return alignment


def _check_layers(cursor: Cursor, metadata: Mapping[str, Value]) -> None:
    layers = metadata.get(f"{metadata.get('general.architecture')}.block_count")
    if layers is not None and not (isinstance(layers, int) and 0 < layers <= MAX_LAYERS):
        raise cursor.bad(
            said("it says it has {layers} layers", layers=layers)
            if isinstance(layers, int | float)
            else said("it says it has no number of layers")
        )


# --- tensors ---------------------------------------------------------------------------------


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    names: set[str] = set()
    expected_offset = 0
    for index in range(count):
        cursor.still_bytes = (count - index - 1) * _LEAST_TENSOR_BYTES
        tensor = _read_tensor(cursor)
        if tensor.name in names:
            raise cursor.bad(said("the tensor {tensor} comes twice", tensor=quoted(tensor.name)))
        if tensor.offset_bytes != expected_offset:  # llama.cpp too demands them back to back
            raise cursor.bad(said("the tensor {tensor} is not where it should be", tensor=quoted(tensor.name)))
        names.add(tensor.name)
        tensors.append(tensor)
        expected_offset = _padded(expected_offset + tensor.size_bytes, alignment)
    return tuple(tensors)


def _read_tensor(cursor: Cursor) -> Tensor:
    name = cursor.text()
    if not name or len(name.encode()) >= _MAX_NAME_BYTES:
        raise cursor.bad(said("it has a tensor with a name of {count} letters", count=len(name)))
    dimensions = cursor.u32()
    if dimensions > MAX_DIMENSIONS:
        raise cursor.bad(
            said("the tensor {name} has {dimensions} dimensions", name=quoted(name), dimensions=dimensions)
        )
    shape = tuple(cursor.u64() for _ in range(dimensions))
    type_id, offset_bytes = cursor.u32(), cursor.u64()
    kind = TENSOR_TYPES.get(type_id)
    if kind is None:
        raise BadGgufError(
            cursor.bad(
                said("the tensor {name} has the type {id}, unknown or no longer in use", name=quoted(name), id=type_id)
            ).message,
            hint=said("A newer program may know it; else download another quantisation of the model."),
        )
    elements = 1
    for extent in shape:
        elements *= extent
        if not 0 < elements <= _MAX_ELEMENTS:
            raise cursor.bad(said("the tensor {name} has an impossible size", name=quoted(name)))
    if (shape[0] if shape else 1) % kind.block_elements:
        raise cursor.bad(said("the rows of the tensor {name} are no multiple of its type's block", name=quoted(name)))
    return Tensor(name, shape, type_id, offset_bytes, kind.row_bytes(elements))


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
