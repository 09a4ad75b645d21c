"""What a model file says it is: title, family, quantisation, licence, from its header alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.models.companions import INCOMPLETE, companion_of
from workbench.models.exact import Head
from workbench.models.file import Family, ModelFile, Origin
from workbench.models.ggml_types import FILE_TYPES, TENSOR_TYPES
from workbench.models.header import Header, read_header
from workbench.models.naming import without_quantisation
from workbench.models.split import joined, part_count, parts_of, stem_of
from workbench.words import said

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

_USES = {
    "a LoRA adapter": said("It is added to the model it was trained on: a pane's adapters, or --adapter."),
    "an importance matrix": said("It is used where a model is quantised: workbench quantize --imatrix."),
}

# As converters leave them in names: "8k", "Lc100K", "Mix1", "Ep2", "Step5000", "Checkpoint".
_RUN_WORD = re.compile(r"ep\d+|lc\d+k?|mix\d+|steps?\d+|ckpt\d*|checkpoint\d*|\d+k|iter\d+")


def describe(path: Path, *, name: str | None = None) -> ModelFile:
    """Read and name a model file, or the whole split model that it is a part of.

    ``name`` is the library's name, the file's stem unless given.  Raises BadGgufError or ModelFileError as
    ``read_header`` does, and ModelFileError as ``describe_header`` does, for a part that is missing, and for
    parts that do not belong together.
    """
    header = read_header(path)
    if part_count(header) == 1:
        return describe_header(header, path=path, name=name)
    parts = parts_of(path, header)
    headers = [header if part == path else read_header(part) for part in parts]
    whole = joined(headers, name=stem_of(path))
    return describe_header(whole, path=parts[0], name=name, parts=parts)


def describe_header(
    header: Header,
    *,
    path: Path,
    name: str | None = None,
    origin: Origin | None = None,
    parts: tuple[Path, ...] = (),
    heads: tuple[Head, ...] = (),
) -> ModelFile:
    """Name a model from its header alone, wherever the header came from; of a split model the ``joined`` one.

    Raises ModelFileError for a sound GGUF that is no model to chat with: see ``companion_of``; and for the
    header of one part alone.  Whether llama.cpp knows the architecture is not asked here.
    """
    _refuse_companions(header, path.name)
    architecture = header.architecture
    if architecture is None or architecture != _shown(architecture):
        raise ModelFileError(
            said("{file} does not say clearly which architecture it has.", file=path.name),
            hint=said("It is no model that llama.cpp can run."),
        )
    template = header.metadata.get("tokenizer.chat_template")
    return ModelFile(
        path=path,
        name=name or stem_of(path),
        title=_title(header, stem_of(path)),
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
        parts=parts,
        origin=origin,
        heads=heads,
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


def _title(header: Header, stem: str) -> str:
    """What the metadata calls the model; the file's name where that is the name of a training run."""
    said = _shown(header.text("general.name"))
    words = said.lower().split()
    is_run = sum(_RUN_WORD.fullmatch(word) is not None for word in words) >= 2
    own = re.split(r"[-_. ]", stem)[0].lower()
    if said and not (is_run and words[0].startswith(own)):
        return said
    return (without_quantisation(stem) if is_run else "") or stem


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
    companion = companion_of(header)
    if companion == INCOMPLETE:
        raise ModelFileError(
            said("{name} is {companion}: some of its tensors are missing.", name=name, companion=companion),
            hint=said("Download the whole model again."),
        )
    if companion is not None:
        hint = _USES.get(companion, said("Open the model file that it belongs to."))
        raise ModelFileError(
            said("{name} is {companion}, not a chat model.", name=name, companion=companion), hint=hint
        )
    if part_count(header) > 1:
        part = (header.integer("split.no") or 0) + 1
        raise ModelFileError(
            said("{name} is part {part} of {count} of a split model.", name=name, part=part, count=part_count(header)),
            hint=said("All parts are needed, in one folder and under their original names."),
        )
