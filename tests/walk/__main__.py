"""Walks with pictures: python -m tests.walk --out DIR [--theme dark] [--size 1920x1080] [--text 150] [--all]."""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

from tests.walk.steps import Look, take

THEMES = ("light", "dark")
SIZES = ("1280x800", "1920x1080")
TEXTS = (100, 150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--theme", choices=THEMES, default="light")
    parser.add_argument("--size", choices=SIZES, default=SIZES[0])
    parser.add_argument("--text", type=int, choices=TEXTS, default=100, help="size of the text in per cent")
    parser.add_argument("--all", action="store_true", help="every theme, size and text size")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    looks = product(THEMES, SIZES, TEXTS) if chosen.all else [(chosen.theme, chosen.size, chosen.text)]
    for theme, size, text in looks:
        width, height = size.split("x")
        with tempfile.TemporaryDirectory(prefix="walk-") as home:
            for path in take(Look(theme, (int(width), int(height)), text), Path(home), chosen.out):
                print(path)


if __name__ == "__main__":
    main()
