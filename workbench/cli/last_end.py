"""A model that ended the program last time is named before it is loaded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workbench.app import Workbench
from workbench.cli import output
from workbench.models.file import ModelFile

ADVICE = "--isolated runs a model in a process of its own, so that only that can end."


@contextmanager
def watched(workbench: Workbench, files: Sequence[ModelFile]) -> Iterator[None]:
    """Say so on stderr where one of these files did it; once the block has ended well it is forgotten."""
    died = workbench.sentinel.found()
    concerned = died is not None and any(died.path in {path.absolute() for path in file.files} for file in files)
    if died is not None and concerned and workbench.settings.isolation != "process":
        output.err.print(f"{died.words} {ADVICE}", style="yellow", markup=False, soft_wrap=True)
    yield
    if concerned:
        workbench.sentinel.forget()
