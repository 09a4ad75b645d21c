"""What is left out of a conversation that the context cannot hold: whole turns, chosen by the user's policy."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from workbench.engine.base import ContextPolicy, Dropped, Message, Request
from workbench.engine.prompt import Prompt, PromptWriter
from workbench.errors import ContextOverflowError, GenerationError
from workbench.words import said

Turn: TypeAlias = tuple[int, ...]  # places of a user's message and of what was answered to it


@dataclass(frozen=True, slots=True)
class Cut:
    """The messages that stay, and how many of the others were left out."""

    messages: tuple[Message, ...]
    left_out: int


def fitted(writer: PromptWriter, request: Request, n_ctx: int) -> Prompt:
    """The request's prompt, cut by its policy where it has to be.

    With a policy that drops, room for ``room_tokens`` of answer is made (no more than ``max_tokens``) as far as
    there is something to drop; a last message that fits the context by itself is asked in any case.

    Raises ContextOverflowError for a prompt that does not fit, GenerationError for one without tokens, and what
    ``PromptWriter.write`` raises.
    """

    today = datetime.date.fromisoformat(request.date) if request.date is not None else None

    def write(messages: Sequence[Message]) -> Prompt:
        return writer.write(messages, tools=request.tools, enable_thinking=request.enable_thinking, today=today)

    whole = write(request.messages)
    count = len(whole.tokens)
    if count == 0:
        raise GenerationError(said("The prompt is empty."), hint=said("Write something first."))
    if request.policy is ContextPolicy.REFUSE:
        if count > n_ctx:
            raise _too_long(count, n_ctx)
        return whole
    room = request.room_tokens if request.max_tokens is None else min(request.room_tokens, request.max_tokens)
    limit = max(0, n_ctx - room)
    if count <= limit:
        return whole
    cut = _fewest(request, limit, count, writer, lambda kept: len(write(kept).tokens))
    prompt = whole if not cut.left_out else write(cut.messages)
    if len(prompt.tokens) > n_ctx:
        raise _even_alone_too_long(len(prompt.tokens), count, n_ctx, cut)
    if not cut.left_out:
        return prompt
    dropped = Dropped(request.policy, cut.left_out, count - len(prompt.tokens))
    return replace(prompt, rendered=replace(prompt.rendered, dropped=dropped))


def cuts(messages: Sequence[Message], policy: ContextPolicy) -> tuple[Cut, ...]:
    """Every form that the policy allows, from the whole conversation to the shortest.

    System messages and everything from the last user message on stay in all of them.  DROP_OLDEST leaves out the
    oldest turns; MIDDLE_OUT keeps the first turn and leaves out those after it, the first at last.
    """
    older = list(turns(messages))[:-1] if policy is not ContextPolicy.REFUSE else []
    order = older[1:] + older[:1] if policy is ContextPolicy.MIDDLE_OUT else older
    gone: set[int] = set()
    forms = [Cut(tuple(messages), 0)]
    for turn in order:
        gone |= set(turn)
        kept = tuple(message for place, message in enumerate(messages) if place not in gone)
        forms.append(Cut(kept, len(gone)))
    return tuple(forms)


def turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """The conversation cut before each user message; system messages belong to no turn.

    Messages of one role in a row stay together, so that what is left alternates where the whole did.
    """
    found: list[list[int]] = []
    previous = ""
    for place, message in enumerate(messages):
        if message.role == "system":
            continue
        if not found or (message.role == "user" and previous != "user"):
            found.append([])
        found[-1].append(place)
        previous = message.role
    return tuple(map(tuple, found))


def _fewest(
    request: Request, limit: int, count: int, writer: PromptWriter, exact: Callable[[Sequence[Message]], int]
) -> Cut:
    """The form that leaves out as little as ``limit`` allows; the shortest, where none fits.

    The messages' own tokens say where to look, rendering decides: two or three times in all.
    """
    forms = cuts(request.messages, request.policy)
    sizes = {message: writer.count(message.content) for message in set(request.messages)}
    total = sum(map(sizes.__getitem__, request.messages))

    def guess(form: Cut) -> int:
        return count - total + sum(map(sizes.__getitem__, form.messages))

    at = next((index for index, form in enumerate(forms) if guess(form) <= limit), len(forms) - 1)
    while at + 1 < len(forms) and exact(forms[at].messages) > limit:
        at += 1
    while at > 1 and exact(forms[at - 1].messages) <= limit:
        at -= 1
    return forms[at]


def _too_long(count: int, n_ctx: int) -> ContextOverflowError:
    return ContextOverflowError(
        said("The prompt is {n:,} tokens; the context holds {held:,}.", n=count, held=n_ctx),
        hint=said(
            "Shorten the prompt, start a new conversation, raise the context or let the oldest turns be dropped."
        ),
    )


def _even_alone_too_long(count: int, whole: int, n_ctx: int, cut: Cut) -> ContextOverflowError:
    if not cut.left_out:
        return ContextOverflowError(
            said(
                "The prompt is {count:,} tokens; the context holds {n_ctx:,}, and there is no earlier turn to "
                "leave out.",
                count=count,
                n_ctx=n_ctx,
            ),
            hint=said("Shorten the message or the system prompt, or raise the context."),
        )
    return ContextOverflowError(
        said(
            "The last message with the system prompt is {count:,} tokens ({whole:,} with all turns); the "
            "context holds {n_ctx:,}.",
            count=count,
            whole=whole,
            n_ctx=n_ctx,
        ),
        hint=said("Shorten the message or the system prompt, or raise the context."),
    )
