"""A home in which every program has been used."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import cached, jan_model, model, ollama_model, sha256, write_projector
from tests.unit.models.gguf_files import split_model


@dataclass(frozen=True)
class Home:
    """``expected`` counts the model files of each program, as ``Place`` lists them."""

    folder: Path
    expected: dict[str, int]
    environment: dict[str, str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """As on Linux: LM Studio with a split model and a projector, Jan with an import, a moved GPT4All folder, …"""
    folder = tmp_path / "home"
    studio = folder / ".lmstudio" / "models" / "somebody" / "Seer-GGUF"
    model(studio / "Seer-Q4_0.gguf", "Seer", file_type=2)
    write_projector(studio / "mmproj-Seer-F16.gguf")
    split_model(model(tmp_path / "aside" / "Big.gguf", "Big"), studio.parent / "Big-GGUF", (3, 2, 2))
    jan = folder / ".local" / "share" / "Jan" / "data"
    fetched = model(jan / "llamacpp" / "models" / "owner" / "jan-nano" / "model.gguf", "Nano")
    jan_model(
        jan,
        "owner/jan-nano",
        {"model_path": "llamacpp/models/owner/jan-nano/model.gguf", "model_sha256": sha256(fetched)},
    )
    imported = model(folder / "Downloads" / "imported model.gguf", "Imported")
    jan_model(jan, "imported", {"model_path": f"'{imported}'", "name": "Imported"})
    gpt4all = folder / "elsewhere" / "gpt4all"
    model(gpt4all / "Hermes.gguf", "Hermes")
    (gpt4all / "incomplete-Other.gguf").write_bytes(b"GGUF")
    settings = folder / ".config" / "nomic.ai" / "GPT4All.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[General]\nfontSize=Small\nmodelPath={gpt4all}/\n\n[network]\nisActive=false\n")
    ollama_model(
        folder / ".ollama" / "models",
        "registry.ollama.ai/library/gemma3/270m",
        model(tmp_path / "aside" / "gemma.gguf", "Gemma"),
        projector=write_projector(tmp_path / "aside" / "mmproj.gguf"),
    )
    cached(
        folder / ".cache" / "huggingface" / "hub",
        "owner/name-GGUF",
        "sub/Cached-Q8_0.gguf",
        model(tmp_path / "aside" / "cached.gguf", "Cached", file_type=7),
    )
    model(folder / ".cache" / "llama.cpp" / "owner_repo_Old.gguf", "Old")
    (folder / ".cache" / "llama.cpp" / "owner_repo_Old.gguf.json").write_text(json.dumps({"etag": "x"}))
    expected = {
        "LM Studio": 5,
        "Jan": 2,
        "GPT4All": 1,
        "Ollama": 1,
        "Hugging Face cache": 1,
        "llama.cpp": 1,
    }
    return Home(folder, expected, {"HOME": str(folder), "LANG": "C", "PATH": os.environ["PATH"]})
