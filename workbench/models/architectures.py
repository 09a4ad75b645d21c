"""What llama.cpp's code knows of each architecture and a file does not say (src/models of the pinned engine)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowRule:
    """Every ``period``-th layer attends to everything, the others to a window: the last of each period, or
    the first (``dense_first``).  ``default`` stands where the file gives no window, ``fixed`` whatever it says.
    A period of 0 is for those whose files always say which layers have a window."""

    period: int = 0
    dense_first: bool = False
    default: int = 0
    fixed: int = 0


# Other architectures attend to everything, also those whose files mention a window (Mistral 7B v0.1, Phi 3).
WINDOW_RULES = {
    "afmoe": WindowRule(4),
    "cohere2": WindowRule(4),
    "cohere2moe": WindowRule(4, dense_first=True),
    "exaone-moe": WindowRule(4, default=128),
    "exaone4": WindowRule(4, default=4096),
    "gemma2": WindowRule(2, default=4096),
    "gemma3": WindowRule(6),
    "gemma3n": WindowRule(5),
    "gemma4": WindowRule(),
    "gpt-oss": WindowRule(2),
    "granite_swa": WindowRule(),
    "laguna": WindowRule(4, dense_first=True),
    "lfm2": WindowRule(),
    "lfm2moe": WindowRule(),
    "llama4": WindowRule(4, fixed=8192),
    "maple": WindowRule(),
    "mellum": WindowRule(4),
    "mimo2": WindowRule(),
    "muse-glimmer": WindowRule(4),
    "olmo2": WindowRule(4),
    "plamo3": WindowRule(8),
    "smallthinker": WindowRule(4, dense_first=True, fixed=4096),
    "spark2_5": WindowRule(),
    "step35": WindowRule(),
}

# Every layer keeps a state and none attends; in Falcon-H1 every layer does both; in the others it is the layers
# without heads for K and V, or all but every so many-th.
RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}
RECURRENT_AND_ATTENDING = {"falcon-h1"}
RECURRENT_WITHOUT_HEADS = {
    "bailingmoe3", "granitehybrid", "jamba", "kimi-linear", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "plamo2",
}  # fmt: skip
RECURRENT_BY_INTERVAL = {"qwen35": 4, "qwen35moe": 4, "qwen3next": 4}

# Answer all at once, or in an order of their own: llama.cpp keeps nothing between batches.
WITHOUT_CACHE = {
    "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe", "modern-bert",
    "neo-bert", "nomic-bert", "nomic-bert-moe", "rnd1",
}  # fmt: skip

# Caches of a kind that is not modelled here; counted as plain attention, which is too much, not too little.
OTHER_CACHES = {
    "deepseek32", "deepseek4", "dots3note", "glm-dsa", "glm5-next", "hy_v4", "kimi-k3", "minimax-01", "minimax-m3",
    "qwen4exp",
}  # fmt: skip

# Plain transformers, whose caches and weights follow from the file alone.
PLAIN = {
    "afmoe", "apertus", "arcee", "arctic", "baichuan", "bailingmoe", "bailingmoe2", "bitnet", "bloom", "chameleon",
    "chatglm", "codeshell", "cogvlm", "command-r", "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr", "dots1",
    "ernie4_5", "ernie4_5-moe", "exaone", "falcon", "gemma", "glm4", "glm4moe", "gpt2", "gptneox", "granite",
    "granitemoe", "grok", "grovemoe", "hunyuan-dense", "hunyuan-moe", "hunyuan_vl", "hy_v3", "internlm2", "jais",
    "jais2", "llama", "maincoder", "minicpm", "minicpm3", "minimax-m2", "mistral3", "mistral4", "mpt", "nanbeige",
    "nemotron", "olmo", "olmoe", "openelm", "orion", "paddleocr", "pangu-embedded", "phi2", "phi3", "phimoe", "plamo",
    "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe", "refact", "seed_oss",
    "smollm3", "stablelm", "starcoder", "starcoder2", "talkie", "xverse",
}  # fmt: skip

KNOWN = (
    PLAIN | set(WINDOW_RULES) | RECURRENT | RECURRENT_AND_ATTENDING | RECURRENT_WITHOUT_HEADS
    | set(RECURRENT_BY_INTERVAL) | WITHOUT_CACHE
)  # fmt: skip

# Embeddings are multiplied by a number, and so are queries.
SCALED_EMBEDDINGS = {"gemma", "gemma2", "gemma3", "gemma3n", "gemma4"}
SCALED_QUERIES = {"gemma", "gemma2", "gemma3"}
# Every token passes the last layer before rows are chosen: after the last norm, or before it.
ROWS_AFTER_NORM = {
    "bailingmoe3", "cohere2moe", "gemma4", "glm4moe", "hy_v3", "nemotron_h", "nemotron_h_moe", "qwen35", "qwen35moe",
    "qwen3next", "step35",
}  # fmt: skip
ROWS_BEFORE_NORM = {"gpt-oss"}
# The weights of the chosen experts are brought to a sum of one, unless the file says otherwise.
UNNORMED_EXPERTS = {"deepseek", "gpt-oss", "jamba", "llada-moe", "llama4", "olmoe", "qwen2moe"}
EXPERTS_NORMED_BY_FILE = {
    "afmoe", "bailingmoe", "bailingmoe2", "bailingmoe3", "cohere2moe", "deepseek2", "deepseek2-ocr", "dots1",
    "exaone-moe", "glm4moe", "hy_v3", "laguna", "nemotron_h_moe", "step35",
}  # fmt: skip
FOUR_POSITIONS = {"paddleocr", "qwen2vl", "qwen35", "qwen35moe", "qwen3vl", "qwen3vlmoe"}
# llama.cpp makes the output's copy of tied embeddings before the embeddings, and so lists both.
ALWAYS_TWICE = {"gemma3n", "gemma4"}
# Half of the queries gate what attention gives; the stream comes first in a sum; a layer's norm is drawn before all
# else; no positions turn the heads.
GATED_ATTENTION = {"qwen35", "qwen35moe", "qwen3next"}
RESIDUAL_FIRST = {"lfm2", "lfm2moe"}
NORM_FIRST = {"kimi-linear", "qwen35", "qwen35moe", "qwen3next"}
WITHOUT_POSITIONS = {"kimi-linear"}

# Whose work area was compared with llama.cpp's own over a grid of parameters, on real models' shapes: equal to the
# byte (of Qwen 3.5 sometimes above), or now and then up to 4 % below.
TRIED = {
    "deepseek2", "falcon-h1", "gemma2", "gemma3", "gemma4", "gpt-oss", "granitehybrid", "kimi-linear", "lfm2", "llama",
    "mamba", "qwen2", "qwen3", "qwen35", "qwen3moe", "rwkv7",
}  # fmt: skip
NEARLY_TRIED = {"falcon-h1", "granitehybrid", "rwkv7"}
