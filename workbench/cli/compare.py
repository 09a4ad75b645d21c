"""``workbench compare``: several models, one prompt, side by side."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workbench.app import Workbench
from workbench.chat.answer import Answer
from workbench.chat.comparison import MAX_PANES, Comparison
from workbench.chat.footing import differences
from workbench.chat.options import Options, SamplingMode
from workbench.chat.pane import Pane, PaneState
from workbench.chat.plan import RunMode
from workbench.cli import last_end, output
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
    Templates,
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
    templates_of,
)
from workbench.cli.loop import Loop, comparing
from workbench.cli.tool_files import tools_of
from workbench.engine.base import Adapter, ContextPolicy, Mode, Sampling
from workbench.errors import DoesNotFitError, UsageError
from workbench.models.file import ModelFile

LIVE_LINES = 24
INTERRUPTED = 130


def compare(
    prompt: Annotated[str, typer.Argument(help="The prompt: TEXT, @FILE, or - for standard input.")],
    model: Annotated[list[str], typer.Option("--model", "-m", help="A name of the library or a path; up to 8.")],
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
    template: Templates = None,
    force: Force = False,
    run: Annotated[
        RunMode, typer.Option("--run", help="All at once, one after another, or one in memory at a time.")
    ] = RunMode.AUTO,
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
    """Ask several models the same PROMPT and show the answers side by side."""
    if len(model) > MAX_PANES:
        raise UsageError(f"{len(model)} models were given; at most {MAX_PANES} can be compared.")
    text = read_text(prompt, "prompt")
    flags = {"context": context, "threads": threads, "temperature": temperature, "top_k": top_k, "top_p": top_p,
             "min_p": min_p, "repetition_penalty": repetition_penalty, "max_tokens": max_tokens,
             "sampling_mode": sampling, "context_policy": context_policy,
             "isolation": "process" if isolated else None}  # fmt: skip
    constraint = constraint_of(schema, grammar)
    callable_tools = tools_of(tools, tool_choice, constraint)
    adapters = adapters_of(adapter or (), len(model))
    templates = templates_of(template or (), len(model))
    with Workbench.open(flags=given(flags)) as workbench:
        options = replace(
            shared_options(workbench, system, seed, stop, run),
            constraint=constraint,
            tools=callable_tools,
            tool_choice=tool_choice,
            alternatives=alternatives,
            exactness=mode,
            date=day_of(date),
            thinking=thinking,
        )
        files = [workbench.library.resolve(name) for name in model]
        with comparing(workbench) as loop:
            seat(workbench, loop.comparison, files, templates, adapters, force=force)
            loop.comparison.options = options
            with last_end.watched(workbench, files):
                answers = ask(loop, text, quiet=json)
        if json:
            for answer in answers:
                if answer.error is not None:
                    output.say_error(f"{answer.model}: {answer.error.message}", answer.error.hint)
            output.emit(as_json(workbench, loop.comparison, text, answers, interrupted=loop.interrupted))
        else:
            mention_force(answers)
    raise typer.Exit(exit_status(answers, interrupted=loop.interrupted))


def shared_options(
    workbench: Workbench, system: str | None, seed: int | None, stop: list[str] | None, run: RunMode
) -> Options:
    """What all models share; a fresh seed is drawn once, so that it can be reported and given again."""
    chosen = workbench.settings
    sampling = Sampling(
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        min_p=chosen.min_p,
        repetition_penalty=chosen.repetition_penalty,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )
    system_text = read_text(system, "system prompt") if system is not None else ""
    return Options(
        system_text,
        sampling,
        chosen.max_tokens,
        tuple(stop or ()),
        run,
        SamplingMode(chosen.sampling_mode),
        ContextPolicy(chosen.context_policy),
    )


def seat(
    workbench: Workbench,
    comparison: Comparison,
    files: Sequence[ModelFile],
    templates: Sequence[str | None],
    adapters: Sequence[tuple[Adapter, ...]],
    *,
    force: bool = False,
) -> None:
    """A pane for each file, in the order asked, with its template and adapters; with ``force`` also of those that
    are judged too big."""
    for file, template, own in zip(files, templates, adapters, strict=True):
        comparison.choose(
            comparison.add_pane(),
            file,
            n_ctx=workbench.settings.context,
            n_threads=workbench.settings.threads,
            template=template,
            force=force,
            adapters=own,
            isolated=workbench.settings.isolation == "process",
        )


def ask(loop: Loop, prompt: str, *, quiet: bool) -> list[Answer]:
    """The answers in the order of the panes; shown as they come unless ``quiet``."""
    panes = loop.comparison.panes
    if quiet:
        loop.ask(prompt, lambda: None)
    elif output.out.is_terminal:
        with Live(console=output.out, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
            loop.ask(prompt, lambda: live.update(columns(panes, live=True), refresh=True))
    else:
        loop.ask(prompt, lambda: None)
    if not quiet:
        output.out.print(columns(panes, live=False))
        if loop.comparison.plan is not None and loop.comparison.plan.fits:
            mode = loop.comparison.plan.mode.value.replace("_", " ")
            output.out.print(f"{mode}: {'; '.join(loop.comparison.plan.reasons) or 'all at once'}",
                             style="dim", markup=False)  # fmt: skip
    answers = [pane.exchanges[-1].answer for pane in panes]
    told = [answer for answer in answers if answer is not None]
    if not quiet:
        mention_sampling(loop.comparison.options, told)
        for difference in differences(told):
            output.out.print(f"not alike: {difference}", style="dim", markup=False)
    return told


def columns(panes: Sequence[Pane], *, live: bool) -> RenderableType:
    """One column a model; models below each other where the terminal is too narrow for that."""
    per_row = max(1, min(len(panes), output.out.width // 36))
    rows = [panes[start : start + per_row] for start in range(0, len(panes), per_row)]
    return Group(*(_row(row, live=live) for row in rows))


def _row(panes: Sequence[Pane], *, live: bool) -> Table:
    table = Table(box=box.ROUNDED, expand=True, padding=(0, 1))
    for pane in panes:
        assert pane.model is not None
        table.add_column(Text(f"{pane.model.name} · {pane.model.quantisation}", style="bold"), ratio=1)
    table.add_row(*(Text(_words(pane, live=live)) for pane in panes))
    table.add_row(*(Text(figures(pane), style="dim") for pane in panes))
    return table


def _words(pane: Pane, *, live: bool) -> str:
    answer = pane.exchanges[-1].answer if pane.exchanges else None
    if answer is not None and answer.error is not None:
        words = f"{answer.text}\n{answer.error.message}\n{answer.error.hint or ''}".strip()
    else:
        words = _thought(answer, pane) + (answer.text if answer is not None else pane.text)
        words = "\n".join([words, *map(str, answer.tool_calls if answer is not None else ())])
    if live:
        return "\n".join(words.splitlines()[-LIVE_LINES:])
    return words


def _thought(answer: Answer | None, pane: Pane) -> str:
    """In place of a reasoning model's thinking: that there was some, and how much."""
    if answer is None:
        return "[thinking…]\n" if pane.thinking else ""
    if not answer.thinking:
        return ""
    return f"[thought for {answer.thinking_ms / 1000:.1f} s, {answer.thinking_tokens} tokens]\n"


def figures(pane: Pane) -> str:
    """The line below an answer: what is happening, or how fast it was and why it ended."""
    answer = pane.exchanges[-1].answer if pane.exchanges else None
    if answer is None:
        percent = f" {pane.fraction:.0%}" if pane.fraction is not None else ""
        if pane.state is not PaneState.STREAMING:
            return f"{pane.phase}{percent}"
        stats = pane.stats
        return f"{stats.completion_tokens} tok" + _speed(stats.decode_tokens_per_s)
    parts = [f"TTFT {answer.ttft_ms / 1000:.2f} s"] if answer.ttft_ms is not None else []
    if answer.completion_tokens is not None:
        parts.append(f"{answer.completion_tokens} tok{_speed(answer.decode_tokens_per_s)}")
    return " · ".join([*parts, answer.stop_reason.replace("_", " "), *answer.chips])


def _speed(tokens_per_s: float | None) -> str:
    return f" · {tokens_per_s:.1f} tok/s" if tokens_per_s is not None else ""


def mention_force(answers: Sequence[Answer]) -> None:
    """Where a model was judged too big: the judgement is not the last word."""
    if any(answer.error is not None and answer.error.code == DoesNotFitError.code for answer in answers):
        output.err.print("--force loads a model that is judged too big all the same.", style="dim")


def mention_sampling(options: Options, answers: Sequence[Answer]) -> None:
    """What it takes to be answered so again: the seed, and the day where a template told it; and where each vendor's
    wish was asked for, what it was, or that nobody knows it."""
    seeds = sorted({answer.seed for answer in answers if answer.seed is not None})
    days = sorted({answer.footing.date for answer in answers if answer.footing is not None and answer.footing.date})
    if seeds:
        told = [f"seed {', '.join(map(str, seeds))}", *(f"told the date {day}" for day in days)]
        output.err.print(" · ".join(told), style="dim", markup=False, soft_wrap=True)
    if options.sampling_mode is SamplingMode.VENDOR:
        for answer in answers:
            if answer.footing is not None:
                said = f"{answer.model} · sampling: {answer.footing.sampling}"
                output.err.print(said, style="dim", markup=False, soft_wrap=True)


def exit_status(answers: Sequence[Answer], *, interrupted: bool) -> int:
    if interrupted:
        return INTERRUPTED
    return 1 if any(answer.error is not None for answer in answers) else 0


def as_json(
    workbench: Workbench, comparison: Comparison, prompt: str, answers: Sequence[Answer], *, interrupted: bool
) -> dict[str, Any]:
    options, plan = comparison.options, comparison.plan
    sampling = options.sampling
    return {
        "prompt": prompt,
        "system": options.system or None,
        "plan": {"mode": plan.mode.value, "reasons": list(plan.reasons)} if plan is not None else None,
        "seed": sampling.seed,
        "sampling_mode": options.sampling_mode.value,
        "context_policy": options.policy.value,
        "mode": options.exactness.value,
        "sampling": {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty,
            "repeat_last_n": sampling.repeat_last_n,
        },
        "max_tokens": options.max_tokens,
        "stop": list(options.stop),
        "context": workbench.settings.context,
        "threads": workbench.settings.threads,
        "engine": {"name": workbench.backend.name, "version": workbench.backend.version},
        "interrupted": interrupted,
        "differences": [{"what": one.what, "values": list(one.values)} for one in differences(answers)],
        "answers": [answer.as_json() for answer in answers],
    }
