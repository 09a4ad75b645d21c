"""Whether an adapter goes with a model, told from headers alone and in plain words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.engine.base import Adapter
from workbench.errors import AdapterError, ModelFileError
from workbench.models.cursor import quoted
from workbench.models.file import ModelFile
from workbench.models.ggml_types import TENSOR_TYPES
from workbench.models.header import Header, Tensor, read_header
from workbench.words import said

PEFT_CONFIG = "adapter_config.json"

_A, _B = ".lora_a", ".lora_b"
_IGNORED = "_norm.weight"  # llama.cpp takes no notice of an adapter's norms
_NOT_WEIGHTS = ("I8", "I16", "I32", "I64", "F64")
_EMBEDDING = "token_embd.weight"
_INVOCATION = "adapter.alora.invocation_tokens"
_WRONG_BASE = said("Choose the model it was trained on, or an adapter that was trained on this one.")


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """A LoRA as its header describes it.  ``size_bytes`` is what it takes in memory beside the weights.

    ``alpha`` over the rank is multiplied with the scale one asks for; 0 means that there is no such factor.
    """

    path: Path
    architecture: str
    alpha: float
    ranks: tuple[int, ...]
    size_bytes: int
    header: Header = field(repr=False)


def read(path: Path) -> AdapterFile:
    """Raises AdapterError for anything but a whole LoRA in GGUF form."""
    _refuse_peft(path)
    try:
        header = read_header(path)
    except ModelFileError as error:
        raise AdapterError(
            said("The adapter cannot be used: {message}", message=error.message), hint=error.hint
        ) from error
    kind, form, architecture = header.text("general.type"), header.text("adapter.type"), header.architecture
    if kind != "adapter" or architecture is None:
        why = said("it says it is {kind!r}", kind=kind) if kind else said("it does not say that it is one")
        raise AdapterError(
            said("{file} is no adapter: {why}.", file=path.name, why=why), hint=said("Choose a LoRA in GGUF form.")
        )
    if form != "lora":
        raise AdapterError(
            said("{file} is an adapter of the kind {form!r}; llama.cpp runs LoRA only.", file=path.name, form=form),
            hint=said("Choose a LoRA."),
        )
    if _INVOCATION in header.metadata:
        raise AdapterError(
            said("{file} is an activated LoRA: it works only from certain words of a prompt on.", file=path.name),
            hint=said("This program does not run such adapters yet; choose an ordinary LoRA."),
        )
    alpha = header.metadata.get("adapter.lora.alpha", 0.0)
    if not isinstance(alpha, float) or not math.isfinite(alpha):
        raise _damaged(path, said("its alpha is no number"))
    pairs = _pairs(path, header.tensors)
    ranks = tuple(sorted({b.shape[0] for _, b in pairs.values()}))
    size_bytes = sum(tensor.size_bytes for pair in pairs.values() for tensor in pair)
    return AdapterFile(path, architecture, alpha, ranks, size_bytes, header)


def check(adapter: AdapterFile, model: ModelFile) -> None:
    """Raises AdapterError where it was made for another model."""
    pairs, by_name = _pairs(adapter.path, adapter.header.tensors), {one.name: one for one in model.header.tensors}
    if adapter.architecture != model.architecture:
        wide, width = _width(pairs), model.header.integer(f"{model.architecture}.embedding_length")
        there, here = quoted(adapter.architecture).strip("'"), model.architecture
        if wide:
            there = said("{architecture} with {n:,} wide layers", architecture=there, n=wide)
        if width:
            here = said("{architecture}, {n:,} wide", architecture=here, n=width)
        raise AdapterError(
            said(
                "{adapter} is made for {there}; {model} is {here}.",
                adapter=adapter.path.name,
                there=there,
                model=model.name,
                here=here,
            ),
            hint=_WRONG_BASE,
        )
    for name, (a, b) in pairs.items():
        base = by_name.get(name)
        if base is None:
            raise AdapterError(
                said(
                    "{adapter} is made for another model: {model} has no {name}.",
                    adapter=adapter.path.name,
                    model=model.name,
                    name=quoted(name),
                ),
                hint=_WRONG_BASE,
            )
        _check_pair(adapter, model, base, a, b)


def check_all(adapters: Sequence[Adapter], model: ModelFile) -> tuple[AdapterFile, ...]:
    """Those of a load, read and checked.  Raises AdapterError, also for a scale that is none."""
    for adapter in adapters:
        if not math.isfinite(adapter.scale):
            raise AdapterError(
                said("The scale of {adapter} is no number.", adapter=adapter.path.name),
                hint=said("1 is as trained, 0 is off."),
            )
    paths = [adapter.path.resolve() for adapter in adapters]
    if len(set(paths)) < len(paths):
        raise AdapterError(
            said("The same adapter is named twice."), hint=said("Name it once, with the sum of the scales.")
        )
    files = tuple(read(adapter.path) for adapter in adapters)
    for file in files:
        check(file, model)
    return files


def _pairs(path: Path, tensors: Sequence[Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """A and B by the name of the matrix they change.  Raises AdapterError."""
    halves: Mapping[str, dict[str, Tensor]] = {_A: {}, _B: {}}
    for tensor in tensors:
        suffix = tensor.name[-len(_A) :]
        if suffix in halves:
            if TENSOR_TYPES[tensor.type_id].name in _NOT_WEIGHTS or len(tensor.shape) != 2:
                raise _damaged(path, said("{tensor} is no matrix of weights", tensor=quoted(tensor.name)))
            halves[suffix][tensor.name.removesuffix(suffix)] = tensor
        elif not tensor.name.endswith(_IGNORED):
            raise _damaged(path, said("{tensor} belongs to no pair of matrices", tensor=quoted(tensor.name)))
    lone = halves[_A].keys() ^ halves[_B].keys()
    if lone:
        raise _damaged(path, said("one of the two matrices for {lone} is missing", lone=quoted(min(lone))))
    if not halves[_A]:
        raise _damaged(path, said("it changes nothing"))
    return {name: (a, halves[_B][name]) for name, a in halves[_A].items()}


def _check_pair(adapter: AdapterFile, model: ModelFile, base: Tensor, a: Tensor, b: Tensor) -> None:
    """As llama.cpp demands it: A is inputs × rank, B is rank × outputs; embeddings have A and B the other way round."""
    if base.name == _EMBEDDING:
        fits = len(base.shape) == 2 and (base.shape[0], base.shape[1]) == (b.shape[1], a.shape[1])
        ranks = a.shape[0], b.shape[0]
    else:
        fits = len(base.shape) == 2 and (base.shape[0], base.shape[1]) == (a.shape[0], b.shape[1])
        ranks = a.shape[1], b.shape[0]
    if not fits:
        there = f"{a.shape[0]:,} × {b.shape[1]:,}" if base.name != _EMBEDDING else f"{b.shape[1]:,} × {a.shape[1]:,}"
        raise AdapterError(
            said(
                "{adapter} is made for another model: its {base} is {there}, in {model} it is {shape}.",
                adapter=adapter.path.name,
                base=base.name,
                there=there,
                model=model.name,
                shape=" × ".join(f"{extent:,}" for extent in base.shape),
            ),
            hint=_WRONG_BASE,
        )
    if ranks[0] != ranks[1]:
        raise _damaged(
            adapter.path,
            said(
                "the two matrices for {base} have the ranks {one} and {other}",
                base=base.name,
                one=ranks[0],
                other=ranks[1],
            ),
        )


def _width(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> int | None:
    """How wide the layers are that it was made for, from a matrix that reads them."""
    reading = ("attn_q.weight", "attn_qkv.weight", "attn_k.weight", "attn_v.weight", "ffn_up.weight", "ffn_gate.weight")
    return next((a.shape[0] for name, (a, _) in pairs.items() if name.endswith(reading)), None)


def _damaged(path: Path, why: str) -> AdapterError:
    return AdapterError(
        said("{file} is no adapter that llama.cpp could run: {why}.", file=path.name, why=why),
        hint=said("Download or convert it again."),
    )


def _refuse_peft(path: Path) -> None:
    """A folder or file of PEFT's own form, with the command that converts it."""
    folder = path if path.is_dir() else path.parent
    if not (path.is_dir() or path.name == PEFT_CONFIG or path.suffix in (".safetensors", ".bin")):
        return
    if not (folder / PEFT_CONFIG).is_file():
        raise AdapterError(
            said("{path} is no adapter in GGUF form.", path=path), hint=said("Choose a file that ends in .gguf.")
        )
    target = folder.absolute().with_name(f"{folder.absolute().name}-F16-LoRA.gguf")
    raise AdapterError(
        said("{name} is a PEFT adapter; llama.cpp runs adapters in GGUF form.", name=folder.absolute().name),
        hint=said(
            "Convert it, in a checkout of llama.cpp: python convert_lora_to_gguf.py --outtype f16 --outfile "
            '"{target}"{base} "{folder}"',
            target=target,
            base=_base_of(folder),
            folder=folder.absolute(),
        ),
    )


def _base_of(folder: Path) -> str:
    """What the adapter says it was trained on, which the converter asks for its configuration."""
    try:
        named = json.loads((folder / PEFT_CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):
        named = None
    if not isinstance(named, str) or not named.isprintable() or not named:
        return ' --base "FOLDER OF THE BASE MODEL"'
    return f' --base "{named}"' if Path(named).is_dir() else f' --base-model-id "{named}"'
