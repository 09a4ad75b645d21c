"""What a model file says it is: title, family, quantisation, licence, from its header alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.models.file import Family, ModelFile
from workbench.models.ggml_types import FILE_TYPES, TENSOR_TYPES
from workbench.models.header import Header, read_header

# general.type and general.architecture of files that accompany a model and cannot answer by themselves.
_COMPANION_TYPES = {
    "adapter": "a LoRA adapter",
    "mmproj": "an image or audio projector",
    "projector": "an image or audio projector",
    "imatrix": "an importance matrix",
    "vocab": "a vocabulary",
}
_COMPANION_ARCHITECTURES = {
    "clip": "an image or audio projector",
    "controlvector": "a control vector",
    "imatrix": "an importance matrix",
}

# Architectures that one family alone uses; `llama` and `deepseek2` are shared and decide nothing.
_FAMILY_OF_ARCHITECTURE = {"llama4": Family.LLAMA, "mistral3": Family.MISTRAL, "mistral4": Family.MISTRAL}

# Names as they stand in titles ("Meta-Llama-3.1-8B", "codegemma"), not inside other words ("TinyLlama").
_FAMILY_NAME = re.compile(
    r"(?P<llama>(?<![a-z])(?:code)?llama(?![a-z])(?!\.cpp))"
    r"|(?P<mistral>(?<![a-z])(?:mistral(?:ai)?|ministral|mixtral|codestral|devstral|magistral|mathstral|pixtral|voxtral)"
    r"(?![a-z]))"
    r"|(?P<gemma>(?<![a-z])[a-z]{0,9}gemma(?![a-z]))"
)


_MAX_SHOWN = 120


def describe(path: Path, *, name: str | None = None) -> ModelFile:
    """Read and name a model file; ``name`` is the library's name, the file's stem unless given.

    Raises BadGgufError or ModelFileError as ``read_header`` does, and ModelFileError for a sound GGUF
    that is no chat model: projectors, adapters, importance matrices, vocabularies, parts of a split model.
    Whether llama.cpp knows the architecture is not asked here.
    """
    header = read_header(path)
    _refuse_companions(header, path.name)
    architecture = header.architecture
    if architecture is None or architecture != _shown(architecture):
        raise ModelFileError(
            f"{path.name} does not say clearly which architecture it has.",
            hint="It is no model that llama.cpp can run.",
        )
    template = header.metadata.get("tokenizer.chat_template")
    return ModelFile(
        path=path,
        name=name or path.stem,
        title=_shown(header.text("general.name")) or path.stem,
        family=family_of(header),
        architecture=architecture,
        quantisation=quantisation_of(header),
        size_bytes=header.file_size_bytes,
        parameter_count=sum(tensor.element_count for tensor in header.tensors),
        n_ctx_train=max(0, header.integer(f"{architecture}.context_length") or 0),
        synthetic=header.flag("workbench.synthetic") or (header.text("general.name") or "").startswith("Synthetic"),
        licence=_shown(header.text("general.license")) or None,
        chat_template=template if isinstance(template, str) and template.strip() else None,
        header=header,
    )


def family_of(header: Header) -> Family:
    """Whose model it is: from an architecture only one family uses, else from the first of its name,
    base name, organisation and base models that names a family, else OTHER."""
    architecture = header.architecture or ""
    if architecture.startswith("gemma"):
        return Family.GEMMA
    if architecture in _FAMILY_OF_ARCHITECTURE:
        return _FAMILY_OF_ARCHITECTURE[architecture]
    for text in _names(header):
        found = _FAMILY_NAME.search(text.lower())
        if found and found.lastgroup:
            return Family(found.lastgroup)
    return Family.OTHER


def quantisation_of(header: Header) -> str:
    """The file type's name ("Q4_K_M"); where the file names none we know, that of the tensor type most of
    its bytes have ("Q8_0")."""
    named = FILE_TYPES.get(-1 if (number := header.integer("general.file_type")) is None else number)
    if named is not None:
        return named
    bytes_by_type: Counter[int] = Counter()
    for tensor in header.tensors:
        bytes_by_type[tensor.type_id] += tensor.size_bytes
    return TENSOR_TYPES[bytes_by_type.most_common(1)[0][0]].name if bytes_by_type else "unknown"


def _shown(text: str | None) -> str:
    """A stranger's text fit for a line of a window: no control or direction characters, not endless."""
    kept = "".join(character if character.isprintable() else " " for character in text or "")
    return " ".join(kept.split())[:_MAX_SHOWN]


def _names(header: Header) -> Iterator[str]:
    keys = ["general.name", "general.basename", "general.organization"]
    # Models merged from many list them all; the first few say enough.
    for index in range(min(header.integer("general.base_model.count") or 0, 4)):
        keys += [f"general.base_model.{index}.{part}" for part in ("name", "organization", "repo_url")]
    for key in keys:
        if text := header.text(key):
            yield text


def _refuse_companions(header: Header, name: str) -> None:
    companion = _COMPANION_TYPES.get((header.text("general.type") or "model").lower())
    companion = companion or _COMPANION_ARCHITECTURES.get(header.architecture or "")
    if companion is None and not header.tensors:
        companion = "a vocabulary without weights"
    if companion is not None:
        raise ModelFileError(
            f"{name} is {companion}, not a chat model.", hint="Open the model file that it belongs to."
        )
    parts = header.integer("split.count") or 1
    if parts > 1:
        part = (header.integer("split.no") or 0) + 1
        raise ModelFileError(
            f"{name} is part {part} of {parts} of a split model, which this version does not open.",
            hint="Join the parts with `llama-gguf-split --merge` and open the result.",
        )
