"""What is left of a file's name when the quantisation and the number of a part are taken off it."""

from __future__ import annotations

import re

_PART = re.compile(r"-\d{5}-of-\d{5}$")
_QUANTISATION = re.compile(
    r"[-._ ]*(?:UD[-_])?(?:I?Q\d(?:_\d|_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|F?P?32)(?=$|[-._ ])",
    re.IGNORECASE,
)


def without_quantisation(name: str) -> str:
    """ "gemma-3-270m" of "gemma-3-270m-Q4_K_M.gguf"; empty where nothing is left."""
    return _QUANTISATION.sub("", _PART.sub("", name.removesuffix(".gguf"))).strip(" -._")
