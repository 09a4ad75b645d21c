"""Rendered prompts equal what others make of the same template: plain Jinja, llama.cpp, Mistral, the publishers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import TODAY
from tests.template_references import (
    CONVERSATIONS,
    FIXTURES,
    MISTRAL_CONVERSATIONS,
    Letters,
    by_documents,
    by_jinja,
    by_llama_cpp,
    by_mistral_common,
    mistral_common,
    usual_form,
)
from workbench.engine.native import Weights
from workbench.engine.prompt import PromptWriter
from workbench.engine.templates import TemplateChoice, builtin_names, choose
from workbench.models.describe import describe

KEPT = sorted((FIXTURES / "templates").glob("*.jinja"))
TEMPLATES = {path.stem: path.read_text(encoding="utf-8") for path in KEPT} | {
    f"builtin:{name}": choose(None, name).text or "" for name in builtin_names()
}
UNTRIED = {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "openai-gpt-oss-120b"}
OTHERS = (by_llama_cpp, by_mistral_common, by_documents)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_is_what_the_references_write(name: str) -> None:
    writer = PromptWriter(Letters(), TemplateChoice("user", TEMPLATES[name]), today=TODAY)
    compared = 0
    for title, messages in CONVERSATIONS.items():
        ours = writer.write(messages).rendered
        assert ours.text == by_jinja(name, TEMPLATES[name], messages, ours.system), title
        for reference in OTHERS:
            expected = reference(name, TEMPLATES[name], messages, ours.system)
            if expected is not None:
                assert usual_form(ours.text) == usual_form(expected), (title, reference.__name__)
                compared += 1
    assert (compared > 0) == (name not in UNTRIED)


def test_mistrals_tokens_are_mistrals_own(mistral_path: Path) -> None:
    """The synthetic model has the very vocabulary of Mistral's v3."""
    with Weights(mistral_path, n_gpu_layers=0, vocab_only=True) as weights:
        for asked in (None, "mistral-v3"):
            choice = choose(describe(mistral_path).chat_template, asked)
            writer = PromptWriter(weights, choice, today=TODAY)
            for title, messages in MISTRAL_CONVERSATIONS.items():
                expected = mistral_common()["v3"][title]["tokens"]
                assert list(writer.write(messages).tokens) == expected, (asked, title)


def test_smollm2s_template_is_chatml_with_a_system_prompt_of_its_own(smollm2_path: Path) -> None:
    text = describe(smollm2_path).chat_template or ""
    writer = PromptWriter(Letters(), TemplateChoice("file", text), today=TODAY)
    for title, messages in CONVERSATIONS.items():
        ours = writer.write(messages).rendered
        assert ours.text == by_jinja("", text, messages, ours.system), title
    own = writer.write(CONVERSATIONS["question"]).rendered.inserted_system
    assert own is not None
    assert own.startswith("You are a helpful AI assistant named SmolLM")
    with_system = writer.write(CONVERSATIONS["system and turns"]).rendered
    expected = by_llama_cpp("HuggingFaceTB-SmolLM2", text, CONVERSATIONS["system and turns"], "native")
    assert with_system.text == expected
    assert with_system.inserted_system is None
