"""What other programs say a model needs; run inside their own virtual environment, never in the product's.

Reads a JSON list of questions on standard input, writes one of answers: for each question the bytes each
program names, or null where it has no answer.  Nothing is fetched: llmfit has its own list of models,
hf-mem parses the header given, whichllm is given the model's published numbers.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from hf_mem.gguf.metadata import parse_gguf_metadata
from whichllm.engine.vram import estimate_vram
from whichllm.models.types import GGUFVariant, ModelInfo


def llmfit(question):
    """Memory for a card of its own, at the context asked; it counts 1024³ bytes as a GB, as for the machine."""
    words = ["--json", "plan", question["hub_name"], "--context", str(question["n_ctx"]), "--quant", "Q4_K_M"]
    program = str(Path(sys.executable).with_name("llmfit"))
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    if done.returncode or not done.stdout.startswith("{"):
        return None
    return round(json.loads(done.stdout)["minimum"]["vram_gb"] * 2**30)


def hf_mem(question):
    with Path(question["head"]).open("rb") as file:
        head = file.read(question["head_bytes"])
    try:
        found = parse_gguf_metadata(head, experimental=True, max_model_len=question["n_ctx"])
    except (RuntimeError, KeyError, ValueError):
        return None
    return found.bytes_count + found.kv_cache.cache_size


def whichllm(question):
    known = {field.name for field in dataclasses.fields(ModelInfo)}
    numbers = {key: value for key, value in question["numbers"].items() if key in known}
    model = ModelInfo(question["hub_name"], question["name"], question["name"], **numbers)
    variant = GGUFVariant(question["name"], "Q4_K_M", question["size_bytes"])
    return estimate_vram(model, variant, question["n_ctx"])


def main():
    answers = [
        {"llmfit": llmfit(question), "hf-mem": hf_mem(question), "whichllm": whichllm(question)}
        for question in json.load(sys.stdin)
    ]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
