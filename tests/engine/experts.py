"""The synthetic model with its feed-forward layers split into experts."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

EXPERTS, USED = 4, 2


def write_experts(path: Path, base: Path) -> Path:
    """``EXPERTS`` random experts in each layer, of which ``USED`` see a token."""
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(USED)
    draw = np.random.default_rng(1)
    for tensor in reader.tensors:
        part = tensor.name.removesuffix(".weight")
        if part.endswith(("ffn_gate", "ffn_up", "ffn_down")):
            shape = (EXPERTS, *tensor.data.shape)
            writer.add_tensor(f"{part}_exps.weight", draw.uniform(-0.1, 0.1, shape).astype(np.float16))
        else:
            writer.add_tensor(tensor.name, tensor.data)
    for layer in range(2):
        router = draw.uniform(-1, 1, (EXPERTS, 128)).astype(np.float32)
        writer.add_tensor(f"blk.{layer}.ffn_gate_inp.weight", router)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
