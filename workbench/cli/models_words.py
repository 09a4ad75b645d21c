"""Model files as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from workbench.hardware.words import human_bytes
from workbench.hub.places.place import Problem
from workbench.hub.places.same import Held
from workbench.models.file import ModelFile


def as_json(file: ModelFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "title": file.title,
        "path": str(file.path),
        "family": file.family.value,
        "architecture": file.architecture,
        "quantisation": file.quantisation,
        "size_bytes": file.size_bytes,
        "parameter_count": file.parameter_count,
        "context_trained": file.n_ctx_train,
        "synthetic": file.synthetic,
        "licence": file.licence,
        "sha256": file.sha256,
    }


def held_json(held: Held) -> dict[str, Any]:
    """``as_json``, and who keeps it."""
    return as_json(held.file) | {
        "program": held.program.value,
        "own": held.own,
        "called": held.called,
        "copies": [
            {"path": str(copy.path), "program": copy.program.value, "called": copy.called, "same": copy.sameness.value}
            for copy in held.copies
        ],
        "companions": [
            {"path": str(one.path), "what": one.what, "size_bytes": one.size_bytes} for one in held.companions
        ],
    }


def problem_json(problem: Problem) -> dict[str, str | None]:
    return {"path": str(problem.path), "message": problem.error.message, "hint": problem.error.hint}


def table(files: Sequence[ModelFile]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "family", "quantisation"):
        rows.add_column(title, overflow="fold")
    for title in ("parameters", "size", "context"):
        rows.add_column(title, justify="right")
    rows.add_column("")
    for file in files:
        rows.add_row(
            escape(file.name),
            file.family.value,
            escape(file.quantisation),
            f"{file.parameter_count / 1e6:,.0f} M",
            human_bytes(file.size_bytes),
            f"{file.n_ctx_train:,}",
            "synthetic, answers are noise" if file.synthetic else "",
        )
    return rows
