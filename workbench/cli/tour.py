"""``workbench tour``: the whole job in a terminal, for machines without a display."""

from __future__ import annotations

import os
import platform

from workbench.app import Workbench
from workbench.chat.plan import RunMode
from workbench.cli import compare, fit_words, models, output
from workbench.cli.loop import comparing
from workbench.hardware.words import sentences

PROMPT = "Explain in two sentences why the sky is blue."
MAX_TOKENS = 64


def tour() -> None:
    """Show this machine, what fits it, and the starter models answering side by side."""
    run_tour()


def run_tour() -> int:
    with Workbench.open(flags={"max_tokens": MAX_TOKENS}) as workbench:
        machine = workbench.machine()
        _head("This machine")
        for sentence in sentences(machine):
            output.out.print(f"· {sentence}", markup=False)
        if not workbench.library.files():
            _head("Starter models")
            models.get_starters(workbench, yes=False, quiet=False)
        files = workbench.library.files()[:4]
        _head("What fits")
        output.out.print(fit_words.fits_table([workbench.fit(file, machine=machine) for file in files], machine))
        _head("Side by side")
        output.out.print(f"› {PROMPT}\n", markup=False)
        with comparing(workbench) as loop:
            compare.seat(workbench, loop.comparison, files, [None] * len(files), [()] * len(files))
            loop.comparison.options = compare.shared_options(workbench, None, 7, None, RunMode.AUTO)
            answers = compare.ask(loop, PROMPT, quiet=False)
        _window_advice()
    return compare.exit_status(answers, interrupted=loop.interrupted)


def _head(title: str) -> None:
    output.out.print(f"\n[bold]{title}[/]")


def _window_advice() -> None:
    _head("The window")
    if platform.system() == "Linux":
        output.out.print(
            "There is no display here. In a graphical session the same command opens the window;", markup=False
        )
        output.out.print("over ssh, use ssh -X. The libraries it needs on Debian or Ubuntu:\n", markup=False)
        packages = os.environ.get("WORKBENCH_SYSTEM_PACKAGES", "see docs/install.md")
        output.out.print(f"    {packages}", markup=False, soft_wrap=True)
    output.out.print("\nMore: workbench --help", markup=False)
