"""What accompanies a model is recognised by what it holds, never by what it is called."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.unit.models.gguf_files import write_model
from workbench.models.companions import companion_of
from workbench.models.header import Header, read_header


def write(
    path: Path,
    tensors: tuple[str, ...] = ("token_embd.weight", "blk.0.attn_q.weight"),
    *,
    architecture: str = "llama",
    text: dict[str, str] | None = None,
    numbers: dict[str, int] | None = None,
    flags: tuple[str, ...] = (),
    tokens: tuple[str, ...] = (),
) -> Header:
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (text or {}).items():
        writer.add_string(key, value)
    for key, number in (numbers or {}).items():
        writer.add_uint32(key, number)
    for flag in flags:
        writer.add_bool(flag, True)
    if tokens:
        writer.add_token_list(list(tokens))
    for name in tensors:
        writer.add_tensor(name, np.zeros(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_header(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A name that says the opposite of what the files are."""
    return tmp_path / "Llama-3-8B-Instruct-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("architecture", "text", "flags", "words"),
    [
        ("clip", {"general.type": "mmproj"}, ("clip.has_vision_encoder",), "an image projector"),
        ("clip", {}, (), "an image projector"),
        ("clip", {}, ("clip.has_audio_encoder",), "an audio projector"),
        ("clip", {}, ("clip.has_audio_encoder", "clip.has_vision_encoder"), "an image and audio projector"),
        ("llama", {"general.type": "adapter", "adapter.type": "lora"}, (), "a LoRA adapter"),
        ("llama", {"adapter.type": "lora"}, (), "a LoRA adapter"),
        ("llama", {"general.type": "adapter", "adapter.type": "ia3"}, (), "an adapter"),
        ("llama", {"general.type": "imatrix"}, (), "an importance matrix"),
        ("imatrix", {}, (), "an importance matrix"),
        ("controlvector", {}, (), "a control vector"),
        ("eagle3", {}, (), "a draft model"),
        ("dflash", {"general.type": "model"}, (), "a draft model"),
        ("gemma4-assistant", {}, (), "a draft model"),
        ("wavtokenizer-dec", {}, (), "a voice decoder"),
    ],
)
def test_metadata_tell_what_a_file_accompanies(
    path: Path, architecture: str, text: dict[str, str], flags: tuple[str, ...], words: str
) -> None:
    assert companion_of(write(path, architecture=architecture, text=text, flags=flags)) == words


def test_words_without_weights_are_a_vocabulary(path: Path) -> None:
    assert companion_of(write(path, (), tokens=("a", "b"))) == "a vocabulary"
    assert companion_of(write(path, (), text={"tokenizer.ggml.model": "gpt2"})) == "a vocabulary"
    assert companion_of(write(path, ())) == "a header without weights"


def test_prediction_layers_alone_are_told_from_a_model_that_has_them_too(path: Path) -> None:
    numbers = {"glm4moe.block_count": 3, "glm4moe.nextn_predict_layers": 1}
    shared = ("token_embd.weight", "output.weight", "blk.2.attn_q.weight", "blk.2.nextn.eh_proj.weight")
    assert (
        companion_of(write(path, shared, architecture="glm4moe", numbers=numbers)) == "multi-token-prediction weights"
    )
    only = ("blk.2.nextn.eh_proj.weight", "nextn.pre_projection.weight")
    assert companion_of(write(path, only, architecture="glm4moe")) == "multi-token-prediction weights"
    layers = ("blk.0.attn_q.weight", "blk.1.attn_q.weight")
    assert companion_of(write(path, shared + layers, architecture="glm4moe", numbers=numbers)) is None
    without = ("token_embd.weight", *layers)
    assert companion_of(write(path, without, architecture="glm4moe", numbers=numbers)) is None


@pytest.mark.parametrize(
    "tensors",
    [
        ("token_embd.weight", "blk.0.attn_q.weight"),
        ("token_embd.weight",),
        ("blk.0.attn_q.weight", "blk.1.attn_q.weight"),
        ("blk.1.attn_q.weight",),
    ],
)
def test_weights_that_make_no_whole_model_are_incomplete(path: Path, tensors: tuple[str, ...]) -> None:
    assert companion_of(write(path, tensors, numbers={"llama.block_count": 2})) == "an incomplete model"


@pytest.mark.parametrize("architecture", ["bert", "nomic-bert", "gemma-embedding", "t5encoder", "llama", "mamba"])
def test_models_that_answer_or_embed_are_no_companions(path: Path, architecture: str) -> None:
    assert companion_of(read_header(write_model(path, architecture=architecture))) is None


def test_layers_of_an_encoder_and_a_decoder_are_layers(path: Path) -> None:
    tensors = ("token_embd.weight", "enc.blk.0.attn_q.weight", "dec.blk.0.attn_q.weight")
    assert companion_of(write(path, tensors, architecture="t5", numbers={"t5.block_count": 1})) is None


def test_a_model_of_another_program_is_not_called_incomplete(path: Path) -> None:
    tensors = ("double_blocks.0.img_attn.weight", "img_in.weight")
    assert companion_of(write(path, tensors, architecture="flux", numbers={"flux.block_count": 19})) is None


def test_a_model_with_empty_layers_by_design_is_whole(path: Path) -> None:
    assert companion_of(write(path, architecture="deci", numbers={"deci.block_count": 9})) is None


def test_one_part_of_a_split_model_is_not_judged_by_its_tensors(path: Path) -> None:
    numbers = {"split.count": 2, "llama.block_count": 2}
    assert companion_of(write(path, numbers=numbers)) is None
    assert companion_of(write(path, text={"general.type": "mmproj"}, numbers=numbers)) == "an image projector"


def test_the_real_models_are_no_companions(smollm2_path: Path, gemma_path: Path, mistral_path: Path) -> None:
    for real in (smollm2_path, gemma_path, mistral_path):
        assert companion_of(read_header(real)) is None
