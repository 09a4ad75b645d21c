"""Bytes fetched to describe every quantisation of a repository, from a real HTTP hub on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.engine import shapes
from tests.loopback_hub import LoopbackHub
from tests.models import test_models
from workbench.hub.remote import Hub
from workbench.jobs import run

REPOSITORY = "bench/models"


def measure(folder: Path) -> list[dict[str, Any]]:
    """A first look at each repository with nothing kept, and a second one."""
    models = test_models()
    repositories = {
        "one file, 262,144 tokens (Gemma 3 270M)": {"a-Q4_K_M.gguf": models.gemma},
        "three quantisations of one model": {
            "m-Q4_0.gguf": shapes.write("llama3.2-3b-q4_0", folder),
            "m-Q4_K_M.gguf": shapes.write("llama3.2-3b", folder),
            "m-Q4_K_M-again.gguf": shapes.write("llama3.2-3b", folder),
        },
        "split in three (Llama 3 8B)": {
            part.name: part
            for part in sorted(shapes.write("llama3-8b-split", folder).parent.glob("llama3-8b-split-0*"))
        },
    }
    rows = []
    for index, (title, files) in enumerate(repositories.items()):
        with LoopbackHub() as hub:
            hub.add(REPOSITORY, files)
            there = Hub(folder / f"cache-{index}", folder / "models", endpoint=hub.endpoint, offline=False)
            listing = run(there.listing(REPOSITORY))
            sent = {name: hub.sent_bytes(name) for name in files}
            requests = len(hub.requests())
            hub.forget()
            run(there.listing(REPOSITORY))
            rows.append(
                {
                    "repository": title,
                    "models": len(listing.files),
                    "size_bytes": sum(file.size_bytes for file in listing.files),
                    "sent_bytes": sent,
                    "requests": requests,
                    "again_bytes": sum(hub.sent_bytes(name) for name in files),
                }
            )
    return rows


def say(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        sent = ", ".join(f"{size / 1e6:.2f}" for size in row["sent_bytes"].values())
        print(
            f"  {row['repository']}: {row['models']} model(s) of {row['size_bytes'] / 1e9:.1f} GB in {row['requests']} "
            f"requests, MB per file: {sent}; a second look {row['again_bytes'] / 1e6:.2f} MB"
        )
