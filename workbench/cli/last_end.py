"""A model that ended the program last time is named before it is loaded again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workbench.app import Workbench
from workbench.cli import output
from workbench.engine.sentinel import Died
from workbench.models.file import ModelFile


def advice(died: Died) -> str:
    """What to do about it."""
    always = f"workbench models isolate {shlex.quote(died.model_name)}"
    return f"--isolated runs a model in a process of its own, so that only that can end; `{always}` does so always."


@contextmanager
def watched(workbench: Workbench, files: Sequence[ModelFile]) -> Iterator[None]:
    """Say so on stderr where one of these files did it; once the block has ended well it is forgotten."""
    died = workbench.sentinel.found()
    concerned = died is not None and _is_among(died, files)
    here = [file for file in files if workbench.settings.isolation != "process" and not workbench.isolates(file)]
    if died is not None and _is_among(died, here):
        output.err.print(f"{died.words} {advice(died)}", style="yellow", markup=False, soft_wrap=True)
    yield
    if concerned:
        workbench.sentinel.forget()


def _is_among(died: Died, files: Sequence[ModelFile]) -> bool:
    return any(died.path in {path.absolute() for path in file.files} for file in files)
