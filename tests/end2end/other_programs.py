"""A home in which other programs have put models: real files, laid out as each of them lays them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.loopback_hub import LoopbackHub
from tests.models import TestModels
from tests.unit.hub.places.layouts import jan_model, model, ollama_model, sha256, write_projector
from tests.unit.models.gguf_files import split_model

REPOSITORY = "mistralai/Synthetic-Mistral-GGUF"
_FETCH = """
import sys
from huggingface_hub import hf_hub_download
print(hf_hub_download(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Home:
    """``expected`` counts the GGUF files of each program."""

    folder: Path
    expected: dict[str, int]

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def lay_out(folder: Path, models: TestModels) -> Home:
    """As on Linux; half a gigabyte."""
    home = Home(
        folder / "home",
        {"LM Studio": 5, "Jan": 1, "GPT4All": 1, "Ollama": 1, "Hugging Face cache": 1},
    )
    studio = home.folder / ".lmstudio" / "models" / "lmstudio-community"
    _put(models.smollm2, studio / "SmolLM2-135M-Instruct-GGUF" / models.smollm2.name)
    split_model(model(folder / "aside" / "Big.gguf", "Big"), studio / "Big-GGUF", (3, 2, 2))
    write_projector(studio / "Big-GGUF" / "mmproj-Big-F16.gguf")
    jan = home.folder / ".local" / "share" / "Jan" / "data"
    nano = model(jan / "llamacpp" / "models" / "Menlo" / "Jan-nano" / "model.gguf", "Nano")
    entries = {"model_path": "llamacpp/models/Menlo/Jan-nano/model.gguf", "model_sha256": sha256(nano)}
    jan_model(jan, "Menlo/Jan-nano", entries)
    _put(models.gemma, home.folder / ".local" / "share" / "nomic.ai" / "GPT4All" / models.gemma.name)
    aside = folder / "aside" / "smollm2.gguf"
    shutil.copyfile(models.smollm2, aside)
    ollama_model(home.folder / ".ollama" / "models", "registry.ollama.ai/library/smollm2/135m", aside)
    _fetch_into_cache(home, models.mistral)
    return home


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # No links: another test that links to the same file would touch it.
    shutil.copyfile(source, target)


def _fetch_into_cache(home: Home, published: Path) -> None:
    """By the hub's own client, in a process of its own, which knows nothing but the home and the hub."""
    with LoopbackHub() as hub:
        hub.add(REPOSITORY, {published.name: published})
        switches = ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_UPDATE_CHECK")
        done = subprocess.run(
            [sys.executable, "-c", _FETCH, REPOSITORY, published.name],
            env={**home.environment, **dict.fromkeys(switches, "1"), "HF_ENDPOINT": hub.endpoint},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"huggingface_hub could not fetch the model: {done.stderr[-2000:]}")
