"""Chat templates: the choice, the vendors' formats, and what a hostile one cannot do."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from workbench.engine.templates import ChatTemplate, RoleRefusedError, TemplateChoice, builtin_names, choose
from workbench.errors import TemplateError

TODAY = datetime.date(2026, 3, 1)
CHAT = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye"},
)


def render(text: str, messages: tuple[dict[str, str], ...] = CHAT) -> str:
    return ChatTemplate(text, today=TODAY).render(messages, bos="<s>", eos="</s>")


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


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__.os }}",
        "{{ messages.__init__.__globals__['__builtins__'] }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{% set x = messages.append({}) %}",
        "{{ 'A' * 10**10 }}",
        "{{ 10**10 * 'A' }}",
        "{{ [0] * 10**10 }}",
        "{{ 9**(9**9) }}",
        "{{ '%5000000000d' % 1 }}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'A' * 999 }}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ undefined_name.attribute }}",
        "{% if %}",
        "{{ 'unclosed",
        "{{" + "(" * 5000 + ")" * 5000 + "}}",
    ],
)
def test_a_hostile_or_broken_template_is_a_template_error(hostile: str) -> None:
    with pytest.raises(TemplateError):
        render(hostile)
