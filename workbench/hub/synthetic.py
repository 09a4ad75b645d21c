"""A tiny model of the Mistral family: random weights behind the real tokenizer, for tests and demonstrations.

Its answers are noise, and it says so wherever its name is shown.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import HubError
from workbench.words import said

if TYPE_CHECKING:
    import gguf
    import numpy as np
    from numpy.typing import NDArray
    from sentencepiece import SentencePieceProcessor

NAME = "Synthetic Mistral (answers are noise)"

LAYERS = 2
WIDTH = 128
HEADS = 4
KV_HEADS = 2
FEED_FORWARD = 256
CONTEXT = 4096
NORMS = ("attn_norm", "ffn_norm")

# The format of Mistral's third tokenizer version: the system prompt stands in the last user message.
CHAT_TEMPLATE = """\
{%- if messages[0]['role'] == 'system' -%}
    {%- set system = messages[0]['content'] -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set system = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{{- bos_token -}}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{- raise_exception('User and assistant have to alternate, beginning with the user.') -}}
    {%- endif -%}
    {%- if message['role'] == 'user' -%}
        {{- '[INST] ' -}}
        {%- if loop.last and system -%}
            {{- system -}}{{- '\\n\\n' -}}
        {%- endif -%}
        {{- message['content'] -}}{{- '[/INST]' -}}
    {%- else -%}
        {{- ' ' -}}{{- message['content'] -}}{{- eos_token -}}
    {%- endif -%}
{%- endfor -%}
"""


def require_writer() -> None:
    """Raises HubError when the libraries that write the model are not installed."""
    try:
        import gguf
        import sentencepiece
    except ImportError as error:
        raise HubError(
            said("The synthetic model cannot be written: {error} is not installed.", error=error.name),
            hint=said("Install it with: pip install 'workbench[synthetic]'"),
        ) from error
    del gguf, sentencepiece


def write(tokenizer: Path, target: Path) -> None:
    """Write the model; the same bytes every time."""
    import gguf
    import numpy as np
    from sentencepiece import SentencePieceProcessor

    vocabulary = SentencePieceProcessor(str(tokenizer))
    writer = gguf.GGUFWriter(target, "llama")
    try:
        _add_shape(writer)
        _add_tokenizer(writer, vocabulary)
        for name, shape in _matrices(vocabulary.vocab_size()).items():
            writer.add_tensor(name, _noise(name, shape))
        for name in ("output_norm", *(f"blk.{layer}.{norm}" for layer in range(LAYERS) for norm in NORMS)):
            writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_shape(writer: gguf.GGUFWriter) -> None:
    import gguf

    writer.add_name(NAME)
    writer.add_basename("synthetic-mistral")
    writer.add_description("Random weights behind Mistral's tokenizer and chat template.")
    writer.add_license("apache-2.0")
    writer.add_bool("workbench.synthetic", True)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-5)


def _add_tokenizer(writer: gguf.GGUFWriter, vocabulary: SentencePieceProcessor) -> None:
    import gguf

    def kind(token: int) -> gguf.TokenType:
        if vocabulary.is_unknown(token):
            return gguf.TokenType.UNKNOWN
        if vocabulary.is_control(token):
            return gguf.TokenType.CONTROL
        if vocabulary.is_unused(token):
            return gguf.TokenType.UNUSED
        return gguf.TokenType.BYTE if vocabulary.is_byte(token) else gguf.TokenType.NORMAL

    tokens = range(vocabulary.vocab_size())
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([vocabulary.id_to_piece(token).encode() for token in tokens])
    writer.add_token_scores([vocabulary.get_score(token) for token in tokens])
    writer.add_token_types([kind(token) for token in tokens])
    writer.add_bos_token_id(vocabulary.bos_id())
    writer.add_eos_token_id(vocabulary.eos_id())
    writer.add_unk_token_id(vocabulary.unk_id())
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _matrices(vocabulary_size: int) -> dict[str, tuple[int, int]]:
    """Every weight matrix and its shape, rows first."""
    kv_width = WIDTH // HEADS * KV_HEADS
    layer = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (kv_width, WIDTH),
        "attn_v": (kv_width, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (FEED_FORWARD, WIDTH),
        "ffn_up": (FEED_FORWARD, WIDTH),
        "ffn_down": (WIDTH, FEED_FORWARD),
    }
    shapes = {"token_embd.weight": (vocabulary_size, WIDTH), "output.weight": (vocabulary_size, WIDTH)}
    for number in range(LAYERS):
        shapes |= {f"blk.{number}.{name}.weight": shape for name, shape in layer.items()}
    return shapes


def _noise(name: str, shape: tuple[int, int]) -> NDArray[np.float16]:
    """Uniform in ±0.1.  From a hash, since random generators may change between versions of NumPy."""
    import numpy as np

    count = shape[0] * shape[1]
    drawn = np.frombuffer(hashlib.shake_256(name.encode()).digest(2 * count), "<u2")
    return ((drawn.astype(np.float32) / 65_535 - 0.5) * 0.2).astype(np.float16).reshape(shape)
