"""What the scripts for a machine with a GPU share.  Untried on a GPU so far."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.models import test_models
from workbench.engine import child
from workbench.engine.base import Backend, Completion, Engine, LoadRequest, Message, Mode, Request, Sampling
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.hardware.detect import detect
from workbench.hardware.facts import Hardware
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.file import ModelFile
from workbench.models.params import RunParams

PROMPT = "Explain in three sentences why the sky is blue."


def parser(words: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=words)
    made.add_argument("--model", type=Path, help="a GGUF file; else SmolLM2 135M, which the tests use")
    made.add_argument("--n-ctx", type=int, default=4096)
    made.add_argument("--tokens", type=int, default=32, help="how long an answer is")
    return made


def model_of(path: Path | None) -> ModelFile:
    return describe(path or Path(test_models().smollm2))


def machine() -> Hardware:
    """This machine now: what llama.cpp sees, asked in a child process."""
    return detect(child.survey, Path.cwd())


def backend() -> LlamaBackend:
    return LlamaBackend(Vetter(RememberedVerdicts()))


def opened(opener: Backend, model: ModelFile, params: RunParams) -> Engine:
    return run(lambda cancel: opener.open(LoadRequest(model, params), cancel))


def answer(engine: Engine, tokens: int, *, alternatives: int = 0, text: str = PROMPT) -> Completion:
    """Greedy, and bit for bit the same each time, as far as the device can."""
    request = Request(
        (Message("user", text),), Sampling(temperature=0), tokens, alternatives=alternatives, mode=Mode.AUDIT
    )
    return run(lambda cancel: engine.stream(request, cancel))
