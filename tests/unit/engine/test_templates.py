"""Chat templates: the choice, the vendors' formats, and what a hostile one cannot do."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.hostile_templates import EMPTY, KINDS, LOOPING
from workbench.engine import sandbox
from workbench.engine.templates import (
    ChatTemplate,
    RoleRefusedError,
    TemplateChoice,
    builtin_names,
    choose,
    suggestions,
)
from workbench.errors import TemplateError
from workbench.models.file import Family, ModelFile
from workbench.models.header import Array, Header

TODAY = datetime.date(2026, 3, 1)
CHAT = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
)


def render(text: str, messages: tuple[dict[str, str], ...] = CHAT) -> str:
    return ChatTemplate(text, today=TODAY).render(messages, bos="<s>", eos="</s>").text


def builtin(name: str, messages: tuple[dict[str, str], ...] = CHAT) -> str:
    return render(choose(None, name).text or "", messages)


def test_without_a_wish_the_files_own_template_is_used() -> None:
    assert choose("{{ x }}", None) == TemplateChoice("file", "{{ x }}")


def test_a_file_without_a_template_gets_no_silent_default() -> None:
    assert choose(None, None) == TemplateChoice("none", None)


def test_none_turns_the_files_own_template_off() -> None:
    assert choose("{{ x }}", "none") == TemplateChoice("none", None)


def test_a_builtin_template_is_named_in_its_source() -> None:
    assert choose("{{ x }}", "chatml").source == "builtin:chatml"


def test_a_template_can_be_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text("{{ messages[0].content }}")
    assert choose(None, str(file)) == TemplateChoice("user", "{{ messages[0].content }}")


def test_a_template_that_is_neither_built_in_nor_a_file_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(TemplateError) as error:
        choose(None, "chatlm")
    assert "chatml" in (error.value.hint or "")


def test_a_template_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "big.jinja"
    file.write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(TemplateError, match="larger"):
        choose(None, str(file))


def test_chatml_is_written_as_its_authors_document_it() -> None:
    assert builtin("chatml") == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama_3_is_written_as_its_authors_document_it() -> None:
    assert builtin("llama-3", CHAT[:2]) == (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_llama_2_is_written_as_its_authors_document_it() -> None:
    assert builtin("llama-2") == (
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] Bye [/INST]"
    )


def test_mistral_v3_puts_the_system_prompt_before_the_last_question() -> None:
    assert builtin("mistral-v3") == "<s>[INST] Hi[/INST] Hello.</s>[INST] Be brief.\n\nBye[/INST]"


def test_gemma_calls_the_assistant_model_and_refuses_a_system_role() -> None:
    assert builtin("gemma", CHAT[1:]) == (
        "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"
    )
    with pytest.raises(RoleRefusedError, match="System role not supported"):
        builtin("gemma")


@pytest.mark.parametrize("name", builtin_names())
def test_every_builtin_template_writes_a_question_and_leaves_room_for_the_answer(name: str) -> None:
    text = builtin(name, CHAT[1:2])
    assert "Hi" in text
    assert not text.endswith("Hi")


def test_the_date_a_template_asks_for_is_the_pinned_one() -> None:
    assert render("{{ strftime_now('%d %b %Y') }}") == "01 Mar 2026"


def test_json_is_plain_and_not_escaped_for_html() -> None:
    assert render("{{ messages[1] | tojson }}") == '{"role": "user", "content": "Hi"}'


def test_blocks_are_trimmed_as_hugging_face_trims_them() -> None:
    assert render("{% if true %}\n  a\n  {% endif %}\nb") == "  a\nb"


def test_marks_for_training_change_nothing() -> None:
    assert render("a{% generation %}b{% endgeneration %}c") == "abc"


def test_loops_can_be_left_early() -> None:
    assert render("{% for m in messages %}{{ m.role }}{% break %}{% endfor %}") == "system"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "looping"])
def test_a_hostile_or_broken_template_is_a_template_error(kind: str) -> None:
    for name, hostile in KINDS[kind].items():
        if name in EMPTY:
            assert render(hostile) == "", name
        else:
            with pytest.raises(TemplateError):
                render(hostile)


@pytest.mark.parametrize("name", LOOPING)
def test_a_template_that_does_not_come_to_an_end_is_given_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "RENDER_S", 0.1)
    with pytest.raises(TemplateError, match=r"still running|recursion|Range too big"):
        render(LOOPING[name])


def test_a_template_that_is_hostile_to_one_message_only_is_still_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    template = ChatTemplate(
        "{% if 'now' in messages[0].content %}" + LOOPING["a loop of loops"] + "{% endif %}a", today=TODAY
    )
    assert template.render([{"role": "user", "content": "later"}], bos="", eos="").text == "a"
    monkeypatch.setattr(sandbox, "RENDER_S", 0.1)
    with pytest.raises(TemplateError, match="still running"):
        template.render([{"role": "user", "content": "now"}], bos="", eos="")
    assert template.render([{"role": "user", "content": "later"}], bos="", eos="").text == "a"


def test_what_models_templates_do_is_not_in_the_way_of_the_bounds() -> None:
    assert render("{{ messages | map(attribute='role') | unique | join('-') }}") == "system-user-assistant"
    assert render("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}") == "2"
    assert render("{{ messages[1:] | length }}{{ 'abc'[::-1] }}{{ 'abc'[-1] }}") == "3cbac"
    assert render("{{ 'a' ~ 1 ~ none }}{{ '%s %d' % ('x', 2) }}{{ '{}-{b}'.format(1, b=2) }}") == "a1Nonex 21-2"
    assert render("{{ 'a,b'.split(',') | join(' ') }}{{ ' x '.strip() }}{{ 'aXa'.replace('X', 'b') }}") == "a bxaba"
    assert render("{% macro f(x) %}<{{ x }}>{% endmacro %}{% set y %}{{ f(1) }}{% endset %}{{ y }}") == "<1>"
    assert render("{% for m in messages if m.role == 'user' %}{{ loop.index }}{% endfor %}") == "12"
    assert render("{{ [1, 2] | sum }}{{ ['b', 'a'] | sort | first }}{{ 'a\nb' | indent(2) }}") == "3aa\n  b"
    assert render("{{ {'b': 1, 'a': 2} | dictsort }}") == "[('a', 2), ('b', 1)]"


def test_json_is_laid_out_as_asked_in_hugging_faces_order_of_arguments() -> None:
    assert render("{{ {'ü': [1]} | tojson(indent=1) }}") == '{\n "ü": [\n  1\n ]\n}'
    assert render("{{ {'b': 1, 'a': 2} | tojson(separators=(',', ':'), sort_keys=true) }}") == '{"a":2,"b":1}'
    assert render("{{ 'ü' | tojson(true) }}") == '"\\u00fc"'


def test_a_date_is_told_only_when_it_was_asked_for_or_written() -> None:
    def date(text: str) -> datetime.date | None:
        return ChatTemplate(text, today=TODAY).render(CHAT, bos="", eos="").date

    assert date("a") is None
    assert date("{{ strftime_now('%Y') }}") == TODAY
    assert date("{{ date_string }}") == TODAY
    assert date("{% if false %}{{ date_string }}{% endif %}") is None


def test_llamas_own_variable_is_given_in_llamas_own_form_and_may_be_set_by_the_template() -> None:
    assert (
        render("{% if not date_string is defined %}{% set date_string = 'x' %}{% endif %}{{ date_string }}")
        == "01 Mar 2026"
    )
    assert render("{% set date_string = '26 Jul 2024' %}{{ date_string }}") == "26 Jul 2024"


def test_whether_to_think_is_left_to_the_template_unless_it_is_said() -> None:
    template = ChatTemplate(
        "{{ enable_thinking if enable_thinking is defined else 'open' }} {{ thinking }}", today=TODAY
    )
    assert template.render(CHAT, bos="", eos="").text == "open "
    assert template.render(CHAT, bos="", eos="", enable_thinking=False).text == "False False"


def model(architecture: str, *, family: Family = Family.OTHER, words: int = 0, **keys: str) -> ModelFile:
    metadata = {f"tokenizer.ggml.{key}": value for key, value in keys.items()}
    header = Header(3, metadata | {"tokenizer.ggml.tokens": Array(8, words)}, (), 32, 0, 0, "")
    return ModelFile(Path("m.gguf"), "m", "m", family, architecture, "Q4_0", 0, 0, 0, False, None, None, header)


@pytest.mark.parametrize(
    ("described", "first"),
    [
        (model("gemma3"), "gemma"),
        (model("qwen3"), "chatml"),
        (model("phi3"), "phi-3"),
        (model("llama", pre="llama-bpe", words=128_256), "llama-3"),
        (model("llama", pre="tekken"), "mistral-v7-tekken"),
        (model("llama", model="llama", words=32_768), "mistral-v3"),
        (model("llama", model="llama", words=32_000), "llama-2"),
        (model("llama", model="gpt2", pre="smollm"), "chatml"),
    ],
)
def test_a_model_without_a_template_is_offered_those_of_its_kind(described: ModelFile, first: str) -> None:
    offered = suggestions(described)
    assert offered[0] == first
    assert set(offered) <= set(builtin_names())


def test_a_model_of_an_unknown_kind_is_offered_nothing() -> None:
    assert suggestions(model("mamba")) == ()
