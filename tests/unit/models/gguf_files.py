"""Small GGUF files for tests, written by the reference writer, or byte by byte where it would refuse."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

from workbench.models.header import Tensor, read_header

VOCABULARY = [f"token{index}" for index in range(40)]
MERGES = ["t o", "k e", "n 1"]


def write_model(
    path: Path,
    *,
    architecture: str = "llama",
    text: Mapping[str, str] | None = None,
    numbers: Mapping[str, int] | None = None,
    flags: Mapping[str, bool] | None = None,
    lists: Mapping[str, Sequence[int | bool]] | None = None,
    tied: bool = False,
    layers: int = 2,
    file_type: int | None = 1,
) -> Path:
    """A model with ``layers`` layers of 64 wide F16 weights; keys are full ones, "llama.context_length"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    sizes = {
        "block_count": layers,
        "context_length": 1024,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
    }
    numbers = {f"{architecture}.{key}": value for key, value in sizes.items()} | dict(numbers or {})
    for key, number in numbers.items():
        writer.add_uint32(key, number)
    for key, value in (text or {}).items():
        writer.add_string(key, value)
    for key, flag in (flags or {}).items():
        writer.add_bool(key, flag)
    for key, values in (lists or {}).items():
        writer.add_array(key, list(values))
    if file_type is not None:
        writer.add_file_type(file_type)
    writer.add_token_list(VOCABULARY)
    writer.add_token_scores([float(index) for index in range(len(VOCABULARY))])
    writer.add_token_merges(MERGES)
    shapes = {"token_embd.weight": (len(VOCABULARY), 64)}
    if not tied:
        shapes["output.weight"] = (len(VOCABULARY), 64)
    for layer in range(layers):
        shapes[f"blk.{layer}.attn_q.weight"] = (64, 64)
        shapes[f"blk.{layer}.ffn_up.weight"] = (128, 64)
    for name, shape in shapes.items():
        writer.add_tensor(name, np.zeros(shape, dtype=np.float16))
    writer.add_tensor("output_norm.weight", np.ones(64, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


# --- byte by byte ----------------------------------------------------------------------------


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def string(text: str) -> bytes:
    return u64(len(text.encode())) + text.encode()


def start(*, tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + u32(version) + u64(tensors) + u64(keys)


def number_entry(key: str, number: int) -> bytes:
    return string(key) + u32(4) + u32(number)


def list_entry(key: str, type_id: int, count: int, body: bytes = b"") -> bytes:
    return string(key) + u32(9) + u32(type_id) + u64(count) + body


def tensor_entry(name: str, shape: Sequence[int] = (32,), type_id: int = 0, offset: int = 0) -> bytes:
    dimensions = b"".join(u64(extent) for extent in shape)
    return string(name) + u32(len(shape)) + dimensions + u32(type_id) + u64(offset)


# --- split models ----------------------------------------------------------------------------


def split_model(path: Path, folder: Path, counts: Sequence[int], *, stem: str | None = None) -> tuple[Path, ...]:
    """Parts of ``counts`` tensors each, as llama-gguf-split writes them: all metadata in the first part."""
    header = read_header(path)
    assert sum(counts) == len(header.tensors)
    assert header.alignment == 32
    content = path.read_bytes()
    list_bytes = sum(len(_tensor_entry_of(tensor, 0)) for tensor in header.tensors)
    entries, key_count = content[24 : header.end_bytes - list_bytes], len(header.metadata)
    tensors, parts = iter(header.tensors), []
    folder.mkdir(parents=True, exist_ok=True)
    for number, count in enumerate(counts):
        own = [next(tensors) for _ in range(count)]
        split = _short_entry("split.no", number) + _short_entry("split.count", len(counts))
        split += string("split.tensors.count") + u32(5) + u32(len(header.tensors))
        offset, infos, weights = 0, b"", []
        for tensor in own:
            infos += _tensor_entry_of(tensor, offset)
            begin = header.data_offset_bytes + tensor.offset_bytes
            weights.append(_padded(content[begin : begin + tensor.size_bytes]))
            offset += len(weights[-1])
        head = start(tensors=count, keys=3 + (key_count if number == 0 else 0))
        head += (entries if number == 0 else b"") + split + infos
        part = folder / f"{stem or path.stem}-{number + 1:05d}-of-{len(counts):05d}.gguf"
        part.write_bytes(b"".join([_padded(head), *weights]))
        parts.append(part)
    return tuple(parts)


def _short_entry(key: str, number: int) -> bytes:
    """A 16-bit entry: llama.cpp reads a part's number as nothing else."""
    return string(key) + u32(2) + struct.pack("<H", number)


def _tensor_entry_of(tensor: Tensor, offset: int) -> bytes:
    return tensor_entry(tensor.name, tensor.shape, tensor.type_id, offset)


def _padded(content: bytes) -> bytes:
    return content.ljust(-(-len(content) // 32) * 32, b"\0")
