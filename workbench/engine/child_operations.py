"""What the child process can be asked.  Runs in the child only."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.engine import grammar_vet, native, registry
from workbench.engine.adapter_loading import try_adapters
from workbench.engine.base import Message, Sampling
from workbench.engine.child_limits import first_to_go, limit
from workbench.engine.probe_child import Questions, Stage
from workbench.engine.prompt import PromptWriter
from workbench.engine.quantise_child import QuantiseWork
from workbench.engine.refusal import refusal
from workbench.engine.sampling import Sampler
from workbench.engine.templates import ChatTemplate, RoleRefusedError, TemplateChoice
from workbench.errors import ModelLoadError, TemplateError, WorkbenchError
from workbench.models.params import RunParams
from workbench.words import packed, said

TEMPLATE_MEMORY_BYTES = 1024 * 1024 * 1024  # address space while an unknown template runs

PROBES = ("Hello, world! 1+1=2", " \n\t", "naïve 日本語 🙂", "<|im_start|>user</s>[INST]", "")

# Characters that a vocabulary lacks are written byte by byte, and llama.cpp ends the process where it lacks a byte
# too.  Every first and every further byte that UTF-8 has occurs here, mostly in characters that few vocabularies know.
_EVERY_BYTE = [*range(0x3000), *range(0x3000, 0xD800, 61), *range(0xE000, 0x110000, 4093)]
_LINE = 64  # no tokenizer is made for words without an end

SAMPLES: tuple[tuple[Message, ...], ...] = (
    (Message("user", "Hi"),),
    (Message("system", "Be brief."), Message("user", "Hi")),
    (Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "Bye")),
)


class Operations:
    """Answers requests, one after the other; a model that was opened for a probe stays open for the next."""

    def __init__(self) -> None:
        # Where the parent looks for the reason, should this process die.
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
        limit("RLIMIT_CORE", 0)
        first_to_go()
        self._questions = Questions()
        self._quantising = QuantiseWork()

    def answer(self, request: Mapping[str, Any], stage: Stage) -> dict[str, object]:
        """The report for one request."""
        try:
            match request["operation"]:
                case "survey":
                    stage("survey")
                    return {"result": _plain(dataclasses.asdict(registry.survey()))}
                case "probe":
                    return {"result": self._questions.answer(request, stage)}
                case "vet_adapters":
                    stage("adapters")
                    try_adapters(Path(request["path"]), [Path(path) for path in request["adapters"]])
                case "quantise":
                    return {"result": self._quantising.quantise(request, stage)}
                case "measure":
                    return {"result": self._quantising.measure(request, stage)}
                case "grammar":
                    stage("grammar")
                    grammar_vet.attempt(request)
                case _:
                    limit("RLIMIT_CPU", request["cpu_s"])
                    _vet(request, stage)
        except WorkbenchError as error:
            return {"error": {"code": error.code, "message": packed(error.message), "hint": packed(error.hint)}}
        return {"result": {}}

    def abandon(self) -> None:
        """Leave nothing behind; the process ends at once."""
        self._questions.abandon()
        self._quantising.abandon()


def _plain(survey: dict[str, Any]) -> dict[str, Any]:
    for device in survey["devices"]:
        device["kind"] = device["kind"].value
    return survey


def _vet(request: Mapping[str, Any], stage: Stage) -> None:
    """Everything that the program will do with the file, first here.

    Raises ModelLoadError, UnsupportedArchitectureError and TemplateError for what can be said in words;
    the rest ends the process.
    """
    path = Path(request["path"])
    choice = TemplateChoice(request["template_source"], request["template"])
    today = datetime.date.fromisoformat(request["today"])
    if choice.text is not None:
        stage("template")
        try_template(choice.text, today)
    stage("vocabulary")
    native.api()
    with _load(path, vocab_only=True) as weights:
        _try_vocabulary(path.name, weights)
        _try_prompts(PromptWriter(weights, choice, today=today))
    if request["whole"]:
        stage("weights")
        with _load(path, vocab_only=False) as weights:
            stage("decode")
            _try_decode(path.name, weights)


def try_template(text: str, today: datetime.date) -> None:
    """Compile and render, within a bound on memory (the parent keeps the bound on time)."""
    limit("RLIMIT_AS", TEMPLATE_MEMORY_BYTES)
    try:
        template = ChatTemplate(text, today=today)
        for index, sample in enumerate(SAMPLES):
            plain = [{"role": message.role, "content": message.content} for message in sample]
            try:
                template.render(plain, bos="<s>", eos="</s>")
            except RoleRefusedError:
                if index == 0:  # a lone question is what every chat begins with
                    raise
    except MemoryError as error:
        raise TemplateError(
            said("The chat template needs more memory than any prompt could."),
            hint=said("Choose another template, or complete the text raw with --template none."),
        ) from error
    finally:
        limit("RLIMIT_AS", sys.maxsize)


def _load(path: Path, *, vocab_only: bool) -> native.Weights:
    try:
        return native.Weights(path, n_gpu_layers=0, vocab_only=vocab_only)
    except native.LoadFailed as error:
        raise refusal(path.name, error.lines) from error


def _try_vocabulary(name: str, weights: native.Weights) -> None:
    if not weights.has_vocab:
        raise ModelLoadError(
            said("{name} holds no vocabulary.", name=name), hint=said("It is a part of a model, not one to chat with.")
        )
    if not weights.decodes:
        raise ModelLoadError(
            said("{name} does not write text.", name=name),
            hint=said("It is an encoder, for embeddings or translation: choose a chat model."),
        )
    text = "".join(map(chr, _EVERY_BYTE))
    for probe in (*PROBES, *(text[at : at + _LINE] for at in range(0, len(text), _LINE))):
        for special in (False, True):
            for token in weights.tokenize(probe, special=special):
                weights.piece(token)


def _try_prompts(writer: PromptWriter) -> None:
    for index, sample in enumerate(SAMPLES):
        try:
            writer.write(sample)
        except RoleRefusedError:
            if index == 0:
                raise


def _try_decode(name: str, weights: native.Weights) -> None:
    params = RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0)
    try:
        context = native.Context(weights, params, n_threads=1)
    except native.LoadFailed as error:
        raise refusal(name, error.lines) from error
    tokens = (weights.tokenize("Hello, world! 1+1=2", special=False) or [0])[:16]
    try:
        context.prefill(tokens, 0, lambda: False, output=True)
        # Samplers assert that there is something to choose from, in this process or in the program's own.
        if not np.isfinite(context.row()).all():
            raise ModelLoadError(
                said("{file} computes values that are not numbers.", file=name),
                hint=said("The file is damaged, or its quantisation is: download it again, or take another."),
            )
        with Sampler(weights, Sampling(), 1, tokens) as sampler:
            context.step(sampler.next(context), len(tokens))
    except native.NativeError as error:
        raise ModelLoadError(
            said("{file} cannot be evaluated: {error}.", file=name, error=error), hint=said("Try another quantisation.")
        ) from error
    finally:
        context.close()
