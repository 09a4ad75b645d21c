"""Context policies: what is left out of a conversation that is too long, and what never is."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.template_references import Letters
from workbench.engine.base import ContextPolicy, Message, Request
from workbench.engine.prompt import Prompt, PromptWriter
from workbench.engine.templates import TemplateChoice, choose
from workbench.engine.truncation import cuts, fitted, turns
from workbench.errors import ContextOverflowError, GenerationError

DROPPING = (ContextPolicy.DROP_OLDEST, ContextPolicy.MIDDLE_OUT)


def writer(template: str | None = "chatml") -> PromptWriter:
    choice = TemplateChoice("none") if template is None else choose(None, template)
    return PromptWriter(Letters(), choice, today=datetime.date(2026, 3, 1))


def conversation(*lengths: int, system: str = "S") -> tuple[Message, ...]:
    """User and assistant in turn, each message of so many letters, the last one a user's."""
    spoken = tuple(
        Message("user" if index % 2 == 0 else "assistant", chr(97 + index % 26) * length)
        for index, length in enumerate(lengths)
    )
    return (Message("system", system), *spoken) if system else spoken


def fit(messages: tuple[Message, ...], policy: ContextPolicy, n_ctx: int, *, room: int = 10) -> Prompt:
    return fitted(writer(), Request(messages, policy=policy, room_tokens=room), n_ctx)


def test_what_fits_is_left_whole_under_every_policy() -> None:
    messages = conversation(5, 5, 5)
    whole = writer().write(messages)
    for policy in ContextPolicy:
        assert fit(messages, policy, len(whole.tokens) + 10) == whole


def test_refusing_says_how_long_the_prompt_is_and_what_there_is_room_for() -> None:
    with pytest.raises(ContextOverflowError, match="the context holds 64"):
        fit(conversation(90), ContextPolicy.REFUSE, 64)


def test_refusing_uses_the_whole_context_for_a_prompt() -> None:
    messages = conversation(9)
    count = len(writer().write(messages).tokens)
    assert len(fit(messages, ContextPolicy.REFUSE, count).tokens) == count


def test_the_oldest_turn_goes_first_and_the_system_prompt_stays() -> None:
    messages = conversation(20, 20, 20, 20, 20)
    prompt = fit(messages, ContextPolicy.DROP_OLDEST, len(writer().write(messages).tokens))
    dropped = prompt.rendered.dropped
    assert dropped is not None
    assert (dropped.policy, dropped.messages) == (ContextPolicy.DROP_OLDEST, 2)
    assert dropped.tokens == len(writer().write(messages).tokens) - len(prompt.tokens)
    assert "aaaa" not in prompt.rendered.text
    assert "bbbb" not in prompt.rendered.text
    assert prompt.rendered.text.startswith("<|im_start|>system\nS<|im_end|>\n<|im_start|>user\ncccc")


def test_middle_out_keeps_the_first_turn_and_the_newest() -> None:
    messages = conversation(20, 20, 20, 20, 20)
    text = fit(messages, ContextPolicy.MIDDLE_OUT, len(writer().write(messages).tokens)).rendered.text
    assert "aaaa" in text
    assert "bbbb" in text
    assert "cccc" not in text
    assert "dddd" not in text
    assert "eeee" in text


def test_middle_out_gives_the_first_turn_up_before_it_refuses() -> None:
    prompt = fit(conversation(500, 5, 5), ContextPolicy.MIDDLE_OUT, 200)
    assert "aaaa" not in prompt.rendered.text
    assert prompt.rendered.dropped is not None


@pytest.mark.parametrize("policy", DROPPING)
def test_a_last_message_that_does_not_fit_alone_is_refused_with_the_reason(policy: ContextPolicy) -> None:
    with pytest.raises(ContextOverflowError, match="The last message with the system prompt"):
        fit(conversation(5, 5, 500), policy, 200)
    with pytest.raises(ContextOverflowError, match="no earlier turn"):
        fit(conversation(500), policy, 200)


@pytest.mark.parametrize("policy", DROPPING)
def test_a_last_message_is_asked_even_where_the_wished_room_is_not_left(policy: ContextPolicy) -> None:
    messages = conversation(5, 5, 90)
    prompt = fit(messages, policy, 200, room=1000)
    assert len(prompt.tokens) <= 200
    assert prompt.rendered.dropped is not None


def test_no_more_room_is_made_than_the_answer_may_take() -> None:
    messages = conversation(20, 20, 20)
    count = len(writer().write(messages).tokens)
    request = Request(messages, policy=ContextPolicy.DROP_OLDEST, room_tokens=500, max_tokens=4)
    assert fitted(writer(), request, count + 4).rendered.dropped is None


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(GenerationError, match="empty"):
        fitted(writer(None), Request((Message("user", ""),)), 100)


def test_messages_of_one_role_in_a_row_belong_to_one_turn() -> None:
    user, answer = Message("user", "u"), Message("assistant", "a")
    assert turns((Message("system", "s"), answer, user, user, answer, user)) == ((1,), (2, 3, 4), (5,))


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=15),
    system=st.sampled_from(["", "S", "system " * 5]),
    policy=st.sampled_from(DROPPING),
    n_ctx=st.integers(40, 900),
    room=st.integers(0, 300),
)
def test_a_cut_conversation_fits_and_nothing_was_dropped_without_need(
    lengths: list[int], system: str, policy: ContextPolicy, n_ctx: int, room: int
) -> None:
    messages = conversation(*(lengths if len(lengths) % 2 else lengths[:-1] or [1]), system=system)
    forms = cuts(messages, policy)
    counts = [len(writer().write(form.messages).tokens) for form in forms]
    try:
        prompt = fit(messages, policy, n_ctx, room=room)
    except ContextOverflowError:
        assert counts[-1] > n_ctx
        return
    assert len(prompt.tokens) <= n_ctx
    allowed = [count for count in counts if count <= n_ctx - room]
    assert len(prompt.tokens) == (allowed[0] if allowed else counts[-1])
    dropped = prompt.rendered.dropped
    assert (dropped.tokens if dropped else 0) == counts[0] - len(prompt.tokens)
    kept = next(form for form, count in zip(forms, counts, strict=True) if count == len(prompt.tokens))
    assert kept.messages[-1] == messages[-1]
    assert kept.messages[: bool(system)] == messages[: bool(system)]
    roles = [message.role for message in kept.messages if message.role != "system"]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]


def test_a_request_s_own_date_and_thinking_reach_the_template() -> None:
    template = TemplateChoice("user", "{{ date_string }}|{{ enable_thinking }}|{{ messages[0].content }}")
    write = PromptWriter(Letters(), template, today=datetime.date(2026, 3, 1))
    asked = (Message("user", "a"),)
    default = fitted(write, Request(asked), 999).rendered
    pinned = fitted(write, Request(asked, date="2025-12-24", enable_thinking=False), 999).rendered
    assert (default.date, pinned.date) == ("2026-03-01", "2025-12-24")
    assert default.text == "01 Mar 2026||a"
    assert pinned.text == "24 Dec 2025|False|a"
    assert fitted(write, Request(asked), 999).rendered == default
