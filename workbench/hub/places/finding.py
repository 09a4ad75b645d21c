"""Every place on this machine where models may lie."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from workbench.hub.places import gpt4all, huggingface, jan, llama_cpp, lm_studio, ollama
from workbench.hub.places.place import Place, Surroundings

log = logging.getLogger(__name__)

_PROGRAMS = (lm_studio.places, jan.places, gpt4all.places, ollama.places, huggingface.places, llama_cpp.places)


def here() -> tuple[Place, ...]:
    """``find`` for the account that runs the program."""
    try:
        return find(Path.home(), os.environ)
    except RuntimeError as error:  # an account without a home
        log.info("no other program's models are looked for: %s", error)
        return ()


def find(
    home: Path,
    environment: Mapping[str, str],
    *,
    system: str = sys.platform,
    root: Path = Path("/"),
) -> tuple[Place, ...]:
    """What other programs keep below ``home`` and where ``environment`` sends them.

    A program that is not installed has no place.  Nothing is written, and no model file is opened.  ``root`` is
    where folders of the whole system begin.
    """
    around = Surroundings(home, environment, system, root)
    return tuple(place for places in _PROGRAMS for place in places(around))
