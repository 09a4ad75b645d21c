"""``workbench chat``: one model, one answer or a conversation."""

from __future__ import annotations

import json as json_text
import math
import sys
from dataclasses import replace
from typing import Annotated

import typer

from workbench.app import Workbench
from workbench.chat.answer import Answer
from workbench.chat.plan import RunMode
from workbench.cli import last_end, output
from workbench.cli.compare import as_json, exit_status, figures, mention_force, mention_sampling, seat, shared_options
from workbench.cli.inputs import (
    AdapterFiles,
    Alternatives,
    Context,
    Date,
    Exactness,
    Force,
    GrammarFile,
    Isolated,
    Json,
    MaxTokens,
    MinP,
    Penalty,
    Policy,
    SamplingBy,
    Schema,
    Seed,
    Stop,
    System,
    Temperature,
    Template,
    Thinking,
    Threads,
    ToolsFile,
    ToolUse,
    TopK,
    TopP,
    adapters_of,
    constraint_of,
    day_of,
    given,
    read_text,
)
from workbench.cli.loop import Loop, comparing
from workbench.cli.tool_files import tools_of
from workbench.engine.base import Mode
from workbench.engine.recorded import Candidate
from workbench.errors import UsageError

LEAST = 0.001  # smaller shares are not told apart


def chat(
    model: Annotated[str, typer.Option("--model", "-m", help="A name of the library or a path.")],
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt: TEXT, @FILE, or -; without one, a conversation begins.")
    ] = None,
    system: System = None,
    context: Context = None,
    threads: Threads = None,
    seed: Seed = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    max_tokens: MaxTokens = None,
    stop: Stop = None,
    template: Template = None,
    force: Force = False,
    sampling: SamplingBy = None,
    context_policy: Policy = None,
    schema: Schema = None,
    grammar: GrammarFile = None,
    tools: ToolsFile = None,
    tool_choice: ToolUse = "auto",
    alternatives: Alternatives = 0,
    adapter: AdapterFiles = None,
    isolated: Isolated = False,
    mode: Exactness = Mode.AUDIT,
    date: Date = None,
    thinking: Thinking = None,
    json: Json = False,
) -> None:
    """Ask one model; the answer goes to stdout as it is written, its figures to stderr."""
    if prompt is None and (json or not sys.stdin.isatty()):
        raise UsageError("There is no prompt.", hint="Give it as TEXT, as @FILE, or as - for standard input.")
    flags = {"context": context, "threads": threads, "temperature": temperature, "top_k": top_k, "top_p": top_p,
             "min_p": min_p, "repetition_penalty": repetition_penalty, "max_tokens": max_tokens,
             "sampling_mode": sampling, "context_policy": context_policy,
             "isolation": "process" if isolated else None}  # fmt: skip
    constraint = constraint_of(schema, grammar)
    callable_tools = tools_of(tools, tool_choice, constraint)
    adapters = adapters_of(adapter or (), 1)
    with Workbench.open(flags=given(flags)) as workbench:
        options = replace(
            shared_options(workbench, system, seed, stop, RunMode.AUTO),
            constraint=constraint,
            tools=callable_tools,
            tool_choice=tool_choice,
            alternatives=alternatives,
            exactness=mode,
            date=day_of(date),
            thinking=thinking,
        )
        file = workbench.library.resolve(model)
        with comparing(workbench) as loop:
            seat(workbench, loop.comparison, [file], [template], adapters, force=force)
            loop.comparison.options = options
            with last_end.watched(workbench, [file]):
                if prompt is None:
                    answers = _converse(loop)
                else:
                    text = read_text(prompt, "prompt")
                    answers = [_ask(loop, text, quiet=json)]
            if prompt is not None and json:
                if answers[0].error is not None:
                    output.say_error(answers[0].error.message, answers[0].error.hint)
                output.emit(as_json(workbench, loop.comparison, text, answers, interrupted=loop.interrupted))
    raise typer.Exit(exit_status(answers, interrupted=loop.interrupted))


def _ask(loop: Loop, prompt: str, *, quiet: bool) -> Answer:
    pane = loop.comparison.panes[0]
    shown = 0

    def draw() -> None:
        nonlocal shown
        if not quiet and len(pane.text) > shown:
            sys.stdout.write(pane.text[shown:])
            sys.stdout.flush()
            shown = len(pane.text)

    loop.ask(prompt, draw)
    answer = pane.exchanges[-1].answer
    assert answer is not None
    if not quiet:
        if answer.text or answer.error is None:
            sys.stdout.write(answer.text[shown:] + "\n")
            sys.stdout.writelines(f"{call}\n" for call in answer.tool_calls)
            sys.stdout.flush()
        if answer.error is not None:
            output.say_error(answer.error.message, answer.error.hint)
        else:
            output.err.print(figures(pane), style="dim", markup=False)
            mention_sampling(loop.comparison.options, [answer])
            _show_choices(answer)
        mention_force([answer])
    return answer


def _show_choices(answer: Answer) -> None:
    """A line a token: how sure the model was of it, and what else it could have said."""
    for choice in answer.choices:
        others = " · ".join(map(_likely, choice.others))
        output.err.print(f"{_likely(choice.taken):<24} of {others}", style="dim", markup=False, soft_wrap=True)


def _likely(candidate: Candidate) -> str:
    share = math.exp(candidate.logprob)
    return f"{json_text.dumps(candidate.text, ensure_ascii=False)} " + (f"{share:.1%}" if share >= LEAST else "< 0.1%")


def _converse(loop: Loop) -> list[Answer]:
    """Prompts until the end of input; Ctrl-C stops an answer, at the prompt it ends the conversation."""
    answers: list[Answer] = []
    output.err.print("Ctrl-C stops an answer, Ctrl-D ends the conversation.", style="dim")
    while True:
        try:
            prompt = input("› ")
        except (EOFError, KeyboardInterrupt):
            output.err.print()
            return answers
        if prompt.strip():
            answers.append(_ask(loop, prompt, quiet=False))
            loop.interrupted = False
