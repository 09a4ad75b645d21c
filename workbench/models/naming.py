"""What is left of a file's name when the quantisation and the number of a part are taken off it."""

from __future__ import annotations

import re

DOT = " · "  # between the parts of a name that people read

_PART = re.compile(r"-\d{5}-of-\d{5}$")
_QUANTISATION = re.compile(
    r"[-._ ]*(?:UD[-_])?(?:I?Q\d(?:_\d|_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|F?P?32)(?=$|[-._ ])",
    re.IGNORECASE,
)


def without_quantisation(name: str) -> str:
    """ "gemma-3-270m" of "gemma-3-270m-Q4_K_M.gguf"; empty where nothing is left."""
    return _QUANTISATION.sub("", _PART.sub("", name.removesuffix(".gguf"))).strip(" -._")


def bare(model: str, quantisation: str) -> str:
    """A file's name without the quantisation that most end with: it is said beside it."""
    stem, end = model[: -len(quantisation)], model[-len(quantisation) :]
    if quantisation and end.casefold() == quantisation.casefold() and len(stem.rstrip(".-_ ")) < len(stem):
        return stem.rstrip(".-_ ") or model
    return model


def called(title: str, quantisation: str) -> str:
    """ "Gemma 3 270m · Q4_K_M", the quantisation once."""
    return DOT.join(filter(None, (bare(title, quantisation), quantisation)))
