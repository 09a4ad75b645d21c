"""``workbench perplexity`` and ``workbench kl``: what models find likely, measured on one's own texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from workbench.app import Workbench
from workbench.chat.plan import fits_at_all, threads_for, too_big
from workbench.cli import measure_words, output
from workbench.cli.inputs import Force, Json, Threads, read_text
from workbench.cli.progress import Told, follow, interruptible
from workbench.engine.base import Loading, Vetting
from workbench.engine.kld_file import is_base_file, read_base
from workbench.engine.measuring import MeasureEvent, Opening, Subject, divergence_of, perplexity_of
from workbench.engine.passages import Text
from workbench.errors import DoesNotFitError, UsageError
from workbench.models.fit import Fit

Files = Annotated[list[str] | None, typer.Argument(metavar="FILE…", help="UTF-8 texts; - is standard input.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A name of the library or a path.")]
Window = Annotated[
    int, typer.Option("--window", min=16, max=131072, help="Tokens evaluated at once, the second half scored.")
]


def perplexity(
    model: Model,
    files: Files = None,
    window: Window = 512,
    threads: Threads = None,
    save_base: Annotated[
        Path | None,
        typer.Option("--save-base", help="Also write llama-perplexity's file of predictions, for one FILE."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Say how well a model predicts texts, as llama-perplexity does."""
    texts = read_texts(files or [])
    with Workbench.open() as workbench, interruptible() as cancel:
        (subject,) = subjects(workbench, [model], window, threads, force=force)
        task = perplexity_of(workbench.backend, subject, texts, n_ctx=window, save_base=save_base)
        found = follow(task, told, name="measure", as_json=json, cancel=cancel, items=True)
    if json:
        output.emit(measure_words.perplexity_json(subject, found, window))
    else:
        measure_words.show_perplexity(subject, found)


def kl(
    model: Model,
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            "-r",
            help="The model to compare with, or a file of its predictions, which has its own text and window.",
        ),
    ],
    files: Files = None,
    window: Window = 512,
    threads: Threads = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Say how far a model's predictions are from a REFERENCE's: what a quantisation changed."""
    stored = Path(reference).expanduser()
    from_file = is_base_file(stored)
    if from_file and files:
        raise UsageError(f"{stored.name} names its own text.", hint="Leave the files out.")
    texts = () if from_file else read_texts(files or [])
    if from_file:
        window = read_base(stored).n_ctx
    with Workbench.open() as workbench, interruptible() as cancel:
        names = [model] if from_file else [reference, model]
        (*others, subject) = subjects(workbench, names, window, threads, force=force)
        base = others[0] if others else stored
        task = divergence_of(workbench.backend, base, subject, texts, n_ctx=window)
        found = follow(task, told, name="measure", as_json=json, cancel=cancel, items=True)
    if json:
        output.emit(measure_words.divergence_json(base, subject, found, window))
    else:
        measure_words.show_divergence(base, subject, found)


def read_texts(files: Sequence[str]) -> tuple[Text, ...]:
    """Raises UsageError without any, and for one that cannot be read."""
    if not files:
        raise UsageError("No text was given.", hint="Give files with text like that you mean to use the model for.")
    return tuple(
        Text(
            "standard input" if file == "-" else Path(file).name, read_text(file if file == "-" else f"@{file}", "text")
        )
        for file in files
    )


def subjects(
    workbench: Workbench, names: Sequence[str], window: int, threads: int | None, *, force: bool
) -> list[Subject]:
    """The models where they fit best, all of them in memory at once.  Raises DoesNotFitError unless ``force``."""
    fits = [workbench.fit(workbench.library.resolve(name), n_ctx=window) for name in names]
    if not force:
        refuse_too_big(workbench, fits)
    n_threads = threads or workbench.settings.threads or threads_for(workbench.machine(), running=1)
    return [Subject(fit.model, fit.params, n_threads) for fit in fits]


def refuse_too_big(workbench: Workbench, fits: Sequence[Fit]) -> None:
    for fit in fits:
        if not fits_at_all(fit):
            raise too_big(fit)
    if len(fits) > 1 and not workbench.together(fits).fits:
        raise DoesNotFitError(
            " and ".join(fit.model.name for fit in fits) + " do not fit into memory together.",
            hint="Write the reference's predictions to a file first: workbench perplexity --save-base FILE.",
        )


def told(event: MeasureEvent) -> Told:
    if isinstance(event, Opening):
        what = f"{'checking' if isinstance(event.event, Vetting) else 'loading'} {event.name}"
        fraction = event.event.fraction if isinstance(event.event, Loading) else 0.0
        return Told(what, round(100 * fraction), 100, event={"phase": "loading", "model": event.name})
    measured = event.measured
    return Told(
        event.what,
        measured.done_tokens,
        measured.total_tokens,
        more=f"tokens, {measured.so_far:.4f} so far" if measured.so_far is not None else "tokens",
        event={
            "phase": event.what,
            "done_tokens": measured.done_tokens,
            "total_tokens": measured.total_tokens,
            "so_far": measured.so_far,
        },
    )
