"""What a file says it is, from its metadata alone."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.unit.models.gguf_files import number_entry, start, tensor_entry, write_model
from workbench.errors import ModelFileError
from workbench.models.describe import describe, describe_header
from workbench.models.exact import Head
from workbench.models.file import Family, Origin
from workbench.models.header import read_header

TEMPLATE = "\n{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}\n"


def test_a_model_is_described_from_its_header(tmp_path: Path) -> None:
    path = write_model(
        tmp_path / "Tiny-Q8_0.gguf",
        text={"general.name": "Tiny", "general.license": "apache-2.0", "tokenizer.chat_template": TEMPLATE},
        file_type=7,
    )
    model = describe(path)
    assert (model.name, model.title, model.architecture) == ("Tiny-Q8_0", "Tiny", "llama")
    assert (model.quantisation, model.licence, model.n_ctx_train) == ("Q8_0", "apache-2.0", 1024)
    assert model.size_bytes == path.stat().st_size
    assert model.parameter_count == 2 * 40 * 64 + 2 * (64 * 64 + 128 * 64) + 64
    assert model.chat_template == TEMPLATE, "the template's own white space belongs to it"
    assert model.sha256 is None


def test_the_library_may_give_a_name_and_a_file_without_one_shows_its_stem(tmp_path: Path) -> None:
    model = describe(write_model(tmp_path / "a.b.gguf"), name="a-2")
    assert (model.name, model.title) == ("a-2", "a.b")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Smollm2 135M 8k Lc100K Mix1 Ep2", "SmolLM2-135M-Instruct"),
        ("Another 135M 8k Lc100K Mix1 Ep2", "Another 135M 8k Lc100K Mix1 Ep2"),
        ("Phi 3 Mini 128k Instruct", "Phi 3 Mini 128k Instruct"),
    ],
)
def test_the_name_of_a_training_run_is_no_title_where_the_file_has_a_better_one(
    tmp_path: Path, name: str, title: str
) -> None:
    assert (
        describe(write_model(tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf", text={"general.name": name})).title == title
    )


@pytest.mark.parametrize(
    ("architecture", "text", "family"),
    [
        ("llama", {"general.name": "Llama 3.2 1B Instruct"}, Family.LLAMA),
        ("llama", {"general.name": "Meta-Llama-3.1-8B-Instruct"}, Family.LLAMA),
        ("llama", {"general.name": "models", "general.basename": "llama-2"}, Family.LLAMA),
        ("llama", {"general.name": "codellama_codellama-7b-instruct-hf"}, Family.LLAMA),
        ("llama", {"general.name": "Noname", "general.organization": "Meta Llama"}, Family.LLAMA),
        ("llama4", {"general.name": "Scout"}, Family.LLAMA),
        ("llama", {"general.name": "Smollm2 135M 8k Lc100K Mix1 Ep2", "general.basename": "smollm2"}, Family.OTHER),
        ("llama", {"general.name": "TinyLlama 1.1B Chat"}, Family.OTHER),
        ("llama", {"general.name": "A model for llama.cpp"}, Family.OTHER),
        ("llama", {}, Family.OTHER),
        ("llama", {"general.name": "Mistral 7B Instruct v0.3"}, Family.MISTRAL),
        ("llama", {"general.name": "mistralai_mixtral-8x7b"}, Family.MISTRAL),
        ("deepseek2", {"general.name": "Mistral Large 3"}, Family.MISTRAL),
        ("mistral3", {"general.name": "Instruct 2512"}, Family.MISTRAL),
        *(
            ("llama", {"general.name": f"{name} 24B"}, Family.MISTRAL)
            for name in ("Ministral", "Codestral", "Devstral Small", "Magistral")
        ),
        ("gemma3", {}, Family.GEMMA),
        ("gemma4", {"general.name": "Tuned on Llama answers"}, Family.GEMMA),
        ("llama", {"general.name": "medgemma-4b"}, Family.GEMMA),
        ("qwen3", {"general.name": "Qwen3 0.6B"}, Family.OTHER),
    ],
)
def test_the_family_is_whose_model_it_is(
    tmp_path: Path, architecture: str, text: dict[str, str], family: Family
) -> None:
    assert describe(write_model(tmp_path / "m.gguf", architecture=architecture, text=text)).family is family


def test_a_derived_model_belongs_to_the_family_of_its_base(tmp_path: Path) -> None:
    path = write_model(
        tmp_path / "m.gguf",
        text={"general.name": "Dolphin", "general.base_model.0.name": "Llama 3 8B"},
        numbers={"general.base_model.count": 1},
    )
    assert describe(path).family is Family.LLAMA


def test_random_weights_are_marked(tmp_path: Path) -> None:
    assert describe(write_model(tmp_path / "a.gguf", flags={"workbench.synthetic": True})).synthetic
    assert describe(write_model(tmp_path / "b.gguf", text={"general.name": "Synthetic Mistral"})).synthetic
    assert not describe(write_model(tmp_path / "c.gguf", text={"general.name": "Mistral"})).synthetic


@pytest.mark.parametrize("file_type", [None, 1024, 4])
def test_without_a_known_file_type_the_commonest_tensor_type_is_named(tmp_path: Path, file_type: int | None) -> None:
    assert describe(write_model(tmp_path / "m.gguf", file_type=file_type)).quantisation == "F16"


def test_a_title_is_shown_without_control_and_direction_characters(tmp_path: Path) -> None:
    title = "Good\u202efugg \x1b[31mmodel\n" + "x" * 500
    shown = describe(write_model(tmp_path / "m.gguf", text={"general.name": title})).title
    assert shown.startswith("Good fugg [31mmodel xxx")
    assert shown.isprintable()
    assert len(shown) == 120


@pytest.mark.parametrize(
    ("architecture", "kind", "said"),
    [
        ("clip", "mmproj", "m.gguf is an image projector, not a chat model."),
        ("llama", "adapter", "m.gguf is a LoRA adapter, not a chat model."),
        ("llama", "imatrix", "m.gguf is an importance matrix, not a chat model."),
    ],
)
def test_companion_files_are_refused_by_what_they_are(tmp_path: Path, architecture: str, kind: str, said: str) -> None:
    path = write_model(tmp_path / "m.gguf", architecture=architecture, text={"general.type": kind})
    with pytest.raises(ModelFileError) as caught:
        describe(path)
    assert caught.value.message == said
    uses = {"adapter": "--adapter", "imatrix": "--imatrix"}
    assert uses.get(kind, "Open the model file that it belongs to.") in (caught.value.hint or "")


def test_a_model_without_some_of_its_layers_is_called_incomplete(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", numbers={"llama.block_count": 3})
    with pytest.raises(ModelFileError, match=r"m\.gguf is an incomplete model") as caught:
        describe(path)
    assert caught.value.hint == "Download the whole model again."


def test_a_header_from_elsewhere_is_described_like_a_file(tmp_path: Path) -> None:
    path = write_model(tmp_path / "Tiny-Q4.gguf", text={"general.name": "Tiny"})
    origin = Origin("someone/tiny", "c0ffee" * 6 + "c0ff", "Tiny-Q4.gguf", '"e"')
    heads = (Head(path, path.name, path.stat().st_size),)
    described = describe_header(read_header(path), path=Path("hub/Tiny-Q4.gguf"), origin=origin, heads=heads)
    assert (described.path, described.origin, described.heads) == (Path("hub/Tiny-Q4.gguf"), origin, heads)
    on_disk = describe(path)
    assert (described.name, described.title) == (on_disk.name, on_disk.title) == ("Tiny-Q4", "Tiny")
    assert described.parameter_count == on_disk.parameter_count
    assert (on_disk.parts, on_disk.origin, on_disk.heads) == ((), None, ())
    assert on_disk.files == (path,)


def test_one_part_alone_is_no_model(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", numbers={"split.count": 3, "split.no": 1})
    with pytest.raises(ModelFileError, match="is part 2 of 3 of a split model"):
        describe_header(read_header(path), path=path)


def test_a_file_without_an_architecture_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes((start(tensors=1, keys=1) + number_entry("a", 1) + tensor_entry("t")).ljust(1024, b"\0"))
    with pytest.raises(ModelFileError, match="which architecture"):
        describe(path)


def test_an_architecture_nobody_knows_is_described_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "martian")
    writer.add_tensor("w", np.zeros(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = describe(path)
    assert (model.architecture, model.family, model.n_ctx_train) == ("martian", Family.OTHER, 0)
