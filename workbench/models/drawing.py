"""The graph of a transformer as llama.cpp draws it (llama-graph.cpp and models/*.cpp of the pinned engine)."""

from __future__ import annotations

from workbench.models.blocks import Block
from workbench.models.recurrences import compute_state, shifted_layer
from workbench.models.replay import Graph, Program, Size, Tensor, size_of
from workbench.models.sketch import Sketch

_F32 = 4
_INDEX = 8  # rows of a cache are named by 64-bit numbers


def draw(sketch: Sketch) -> Program:
    """The allocations of the graph that llama.cpp reserves its buffer for."""
    return Artist(sketch).draw()


class Artist:
    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.graph = Graph()
        self.rows = "tokens"
        graph = self.graph
        self.pos = graph.input(size_of(tokens=4 * sketch.positions))
        self.out_ids = graph.input(size_of(outputs=4))
        mask = 2 if sketch.flash else _F32
        v_rows = 1 if sketch.flash else sketch.widest_v
        self.k_idx = [graph.input(size_of(tokens=_INDEX)) for _ in range(2)]
        self.v_idx = [graph.input(size_of(tokens=_INDEX * v_rows)) for _ in range(2)]
        self.mask = [graph.input(size_of(cells=mask)), graph.input(size_of(window_cells=mask))]
        self.k_rotations = [self._square(width) for width in sketch.k_rotations]
        self.v_rotations = [self._square(width) for width in sketch.v_rotations]
        self.sequences = graph.input(size_of(sequences=4))
        self.first_value: Tensor | None = None
        self.per_layer: Tensor | None = None

    def draw(self) -> Program:
        sketch, graph = self.sketch, self.graph
        tokens, given = graph.input(size_of(tokens=4)), graph.input(self.row(sketch.n_embd))
        stream = graph.make(self.row(sketch.n_embd), tokens)
        graph.expand(stream)
        graph.expand(given)  # embeddings may be given instead of tokens: their place is always kept
        if sketch.recurrence is not None and sketch.recurrence.kind == "rwkv7":
            stream = self.norm(stream, biased=True)
        if sketch.scaled:
            stream = graph.change(stream)
        if sketch.per_layer:
            self.per_layer = self._per_layer_inputs(stream)
        last = len(sketch.blocks) - 1
        for number, block in enumerate(sketch.blocks):
            stream = self._layer(block, stream, is_last=number == last)
        return self._outputs(stream)

    def row(self, elements: int) -> Size:
        """F32 values for each row that is still computed: all tokens', or at the end the outputs'."""
        if self.rows == "tokens":
            return size_of(tokens=_F32 * elements)
        return size_of(outputs=_F32 * elements)

    def _square(self, width: int) -> Tensor:
        return self.graph.input(size_of(constant=_F32 * width * width))

    def _outputs(self, stream: Tensor) -> Program:
        sketch, graph = self.sketch, self.graph
        if sketch.late_rows == "normed":
            stream = graph.keep(self.norm(stream))
            stream = self.chosen(stream)
        elif sketch.late_rows:
            stream = self.norm(self.chosen(graph.keep(stream)))
        else:
            stream = self.norm(stream, biased=sketch.biased_output)
        self.rows = "outputs"
        logits = graph.make(self.row(sketch.n_vocab), graph.keep(stream))
        if sketch.capped_logits:
            logits = self._capped(logits)
        graph.expand(graph.keep(logits))
        return graph.program()

    def chosen(self, stream: Tensor) -> Tensor:
        self.rows = "outputs"
        return self.graph.make(self.row(self.sketch.n_embd), stream, self.out_ids)

    def norm(self, source: Tensor, *, biased: bool = False) -> Tensor:
        """RMS norm and its weight; a norm with a bias is the other kind, which is not done in place."""
        if biased:
            return self.graph.change(self.graph.change(self.graph.make(source.size, source)))
        return self.graph.change(self.graph.change(source))

    def _capped(self, source: Tensor) -> Tensor:
        for _ in range(3):  # scaled, tanh, scaled
            source = self.graph.change(source)
        return source

    # --- a layer -----------------------------------------------------------------------------

    def _layer(self, block: Block, stream: Tensor, *, is_last: bool) -> Tensor:
        graph, sketch = self.graph, self.sketch
        if sketch.recurrence is not None and sketch.recurrence.kind == "rwkv7":
            return shifted_layer(self, block, stream, is_last=is_last)
        normed = self.norm(stream, biased=block.biased("attn_norm")) if block.has("attn_norm") else stream
        if sketch.norm_first:
            graph.expand(normed)
        if block.recurrent and block.attends:
            cur = self._attention(block, normed)
            cur = graph.change(cur, compute_state(self, self.norm(stream)))
            residual = graph.change(cur, stream)
            residual = self.chosen(residual) if is_last else residual
        else:
            cur = self._mixed(block, normed)
            if is_last and not sketch.late_rows:
                cur, stream = self.chosen(cur), self.chosen(stream)
            if block.has("post_attention_norm") and block.has("ffn_norm"):
                cur = self.norm(cur)
            residual = graph.change(stream, cur) if sketch.residual_first else graph.change(cur, stream)
        if not block.feeds_forward:
            return residual
        cur = self.norm(residual, biased=block.biased("ffn_norm"))
        cur = self._experts(block, cur) if block.n_used else self._feed_forward(block, cur, block.n_ff)
        if block.has("post_ffw_norm", "post_ffn_norm"):
            cur = self.norm(cur)
        cur = graph.change(residual, cur) if sketch.residual_first else graph.change(cur, residual)
        if self.per_layer is not None:
            cur = self._add_per_layer(cur, self.per_layer)
        return graph.change(cur) if block.has("layer_output_scale") else cur

    def _mixed(self, block: Block, normed: Tensor) -> Tensor:
        """Tokens with one another: through a state, or by attention."""
        if block.recurrent:
            return compute_state(self, normed)
        return self._latent_attention(block, normed) if self.sketch.latent else self._attention(block, normed)

    def _attention(self, block: Block, normed: Tensor) -> Tensor:
        graph = self.graph
        which = int(block.windowed)
        gate: Tensor | None = None
        if block.has("attn_qkv"):
            whole = graph.make(self.row(block.q + block.k + block.v), normed)
            whole = graph.change(whole) if block.biased("attn_qkv") else whole
            q, k, v = (graph.view(whole, self.row(width)) for width in (block.q, block.k, block.v))
        elif self.sketch.gated_attention:
            both = graph.make(self.row(2 * block.q), normed)
            q, k, v = (
                graph.view(both, self.row(block.q)),
                *(graph.view(graph.make(self.row(width), normed)) for width in (block.k, block.v)),
            )
            gate = graph.make(self.row(block.q), graph.view(both, self.row(block.q)))
        else:
            q = graph.view(self._projected(block, "attn_q", normed, block.q))
            k = graph.view(self._projected(block, "attn_k", normed, block.k))
            v = graph.view(self._projected(block, "attn_v", normed, block.v))
        q = self._positioned(q, normed=block.has("attn_q_norm"))
        q = graph.change(q) if self.sketch.scaled_queries else q
        if not block.own_cache:
            graph.expand(q)
            return self._project_out(block, self._attend(block, q))
        k = self._positioned(k, normed=block.has("attn_k_norm"))
        v = graph.change(v) if self.sketch.normed_values else v
        if self.sketch.k_rotations[which]:
            q, k = (self._rotated(tensor, self.k_rotations[which]) for tensor in (q, k))
        if self.sketch.v_rotations[which]:
            v = self._rotated(v, self.v_rotations[which])
        for tensor in (q, k, v) if self.sketch.window_order else (q, v, k):
            graph.expand(tensor)
        graph.expand(graph.store(graph.view(k), self.k_idx[which]))
        graph.expand(graph.store(graph.view(v), self.v_idx[which]))
        cur = self._attend(block, q)
        if self.sketch.v_rotations[which]:
            cur = self._rotated(cur, self.v_rotations[which])
        if gate is not None:
            cur = graph.change(cur, graph.change(gate))
        return self._project_out(block, cur)

    def _projected(self, block: Block, name: str, source: Tensor, width: int) -> Tensor:
        made = self.graph.make(self.row(width), source)
        return self.graph.change(made) if block.biased(name) else made

    def _project_out(self, block: Block, cur: Tensor) -> Tensor:
        return self._projected(block, "attn_output", cur, self.sketch.n_embd)

    def _positioned(self, tensor: Tensor, *, normed: bool) -> Tensor:
        return self.graph.change(self.norm(tensor) if normed else tensor, self.pos)

    def _rotated(self, tensor: Tensor, rotation: Tensor) -> Tensor:
        return self.graph.view(self.graph.make(tensor.size, rotation, self.graph.view(tensor)))

    def _attend(self, block: Block, q: Tensor, *, decompressed: int = 0) -> Tensor:
        """Attention proper; ``decompressed`` is the width that a latent value becomes."""
        graph = self.graph
        mask = self.mask[int(block.windowed)]
        q = graph.view(graph.view(q))
        if self.sketch.flash:
            cur = graph.make(self.row(block.out), q, mask)
            if decompressed:
                cur = graph.view(graph.make(self.row(decompressed), graph.view(cur)))
                cur = graph.make(self.row(decompressed), cur)
            cur = graph.view(cur, divided=False)
        else:
            pairs = _F32 * block.heads
            scores = graph.make(size_of(window_cells=pairs) if block.windowed else size_of(cells=pairs), q)
            if self.sketch.capped_attention:
                scores = self._capped(scores)
            scores = graph.change(scores, mask)
            # A latent value is a part of K, which does not lie transposed as V would: it is copied.
            turned = (graph.make(size_of(stored_cells=2 * block.v), graph.outside()),) if decompressed else ()
            cur = graph.make(self.row(block.out), *turned, scores)
            if decompressed:
                cur = graph.make(self.row(decompressed), cur)
            cur = graph.make(self.row(decompressed or block.out), graph.view(cur))
        graph.expand(cur)
        return cur

    def _latent_attention(self, block: Block, normed: Tensor) -> Tensor:
        """deepseek2.cpp: one compressed row for all heads; files of the older kind decompress it first."""
        graph, sketch, heads = self.graph, self.sketch, block.heads
        full = sketch.nope + sketch.rope
        if block.has("attn_q_a"):
            q = graph.make(self.row(block.q), normed)
            q = graph.make(self.row(heads * full), self.norm(q))
        else:
            q = graph.make(self.row(heads * full), normed)
        q = graph.view(q)
        both = graph.make(self.row(sketch.latent + sketch.rope), normed)
        compressed = graph.view(both, self.row(sketch.latent))
        k_rope = self._turned(graph.view(both, self.row(sketch.rope)))
        compressed = self.norm(compressed)
        if block.has("attn_kv_b"):
            return self._decompressed_attention(block, q, compressed, k_rope)
        q_nope = graph.view(q, self.row(heads * sketch.nope))
        q_rope = self._turned(graph.view(q, self.row(heads * sketch.rope)))
        absorbed = graph.view(graph.make(self.row(heads * sketch.latent), graph.view(q_nope)))
        q = graph.make(self.row(heads * (sketch.latent + sketch.rope)), absorbed, q_rope)
        v = graph.view(compressed)
        k = graph.make(self.row(sketch.latent + sketch.rope), v, k_rope)
        for tensor in (q, v, k):
            graph.expand(tensor)
        graph.expand(graph.store(graph.view(k), self.k_idx[0]))
        return self._project_out(block, self._attend(block, q, decompressed=heads * sketch.value))

    def _turned(self, tensor: Tensor) -> Tensor:
        return self.graph.change(tensor, self.pos) if self.sketch.turned else tensor

    def _decompressed_attention(self, block: Block, q: Tensor, compressed: Tensor, k_rope: Tensor) -> Tensor:
        graph, sketch, heads = self.graph, self.sketch, block.heads
        kv = graph.make(self.row(heads * (sketch.nope + sketch.value)), compressed)
        k_nope = graph.view(kv, self.row(heads * sketch.nope))
        v = graph.make(self.row(heads * sketch.value), graph.view(kv, self.row(heads * sketch.value)))
        q = graph.change(q, self.pos)
        k = graph.make(
            self.row(heads * (sketch.nope + sketch.rope)), k_nope, graph.make(self.row(heads * sketch.rope), k_rope)
        )
        if sketch.k_rotations[0]:
            q, k = (self._rotated(tensor, self.k_rotations[0]) for tensor in (q, k))
        if sketch.v_rotations[0]:
            v = self._rotated(v, self.v_rotations[0])
        for tensor in (q, v, k):
            graph.expand(tensor)
        graph.expand(graph.store(graph.view(k), self.k_idx[0]))
        graph.expand(graph.store(graph.view(v), self.v_idx[0]))
        cur = self._attend(block, q)
        if sketch.v_rotations[0]:
            cur = self._rotated(cur, self.v_rotations[0])
        return self._project_out(block, cur)

    # --- feed-forward ------------------------------------------------------------------------

    def _feed_forward(self, block: Block, cur: Tensor, n_ff: int, suffix: str = "") -> Tensor:
        graph = self.graph
        up = self._projected(block, f"ffn_up{suffix}", cur, n_ff)
        if block.has(f"ffn_gate{suffix}"):
            gate = self._projected(block, f"ffn_gate{suffix}", cur, n_ff)
            cur = graph.make(self.row(n_ff), gate, up)
        else:
            cur = graph.change(up)
        return self._projected(block, f"ffn_down{suffix}", cur, self.sketch.n_embd)

    def _experts(self, block: Block, cur: Tensor) -> Tensor:
        graph, sketch, used = self.graph, self.sketch, block.n_used
        chosen, weights = self._routed(block, cur)
        graph.expand(weights)
        wide = self.row(block.n_ff_expert * used)
        source = graph.view(cur)
        if block.has("ffn_gate_up_exps"):
            both = graph.make(self.row(2 * block.n_ff_expert * used), source, chosen)
            gate, up = (graph.view(both, wide) for _ in range(2))
        else:
            up = self._expert(block, "ffn_up_exps", wide, source, chosen)
            gate = self._expert(block, "ffn_gate_exps", wide, source, chosen)
        made = self._expert(block, "ffn_down_exps", self.row(sketch.n_embd * used), graph.make(wide, gate, up), chosen)
        made = graph.change(made, weights)
        graph.expand(made)
        parts = [graph.view(made, self.row(sketch.n_embd)) for _ in range(used)]
        for part in parts:
            graph.expand(part)
        out = graph.make(self.row(sketch.n_embd), *parts[:2])
        graph.expand(out)
        for part in parts[2:]:
            out = graph.change(out, part)
            graph.expand(out)
        if not block.n_ff_shared:
            return out
        return graph.change(out, self._feed_forward(block, cur, block.n_ff_shared, "_shexp"))

    def _expert(self, block: Block, name: str, size: Size, source: Tensor, chosen: Tensor) -> Tensor:
        made = self.graph.make(size, source, chosen)
        return self.graph.change(made, chosen) if block.biased(name) else made

    def _routed(self, block: Block, cur: Tensor) -> tuple[Tensor, Tensor]:
        """Which experts, and their weights."""
        graph, sketch, used = self.graph, self.sketch, block.n_used
        scores = self._projected(block, "ffn_gate_inp", cur, block.n_expert)
        if not sketch.softmax_weights:
            scores = graph.change(scores)
        selection = graph.change(scores) if block.biased("exp_probs_b") else scores
        order = graph.make(selection.size, selection)
        chosen = graph.view(order, self.row(used))
        weights = graph.make(self.row(used), graph.view(scores), chosen)
        if sketch.softmax_weights:
            weights = graph.view(graph.change(graph.view(weights)))
        if sketch.normed_weights:
            weights = graph.view(weights)
            total = graph.change(graph.make(self.row(1), weights))
            weights = graph.view(graph.change(weights, total))
        return chosen, graph.change(weights) if sketch.scaled_weights else weights

    # --- embeddings for each layer (gemma4.cpp) -----------------------------------------------

    def _per_layer_inputs(self, stream: Tensor) -> Tensor:
        graph = self.graph
        every = self.row(self.sketch.per_layer * self.sketch.n_layer)
        looked_up = graph.change(graph.view(graph.make(every, graph.input(size_of(tokens=4)))))
        graph.expand(looked_up)
        projected = graph.view(graph.change(graph.make(every, stream)))
        both = graph.change(graph.change(self.norm(projected), looked_up))
        return graph.make(every, graph.view(both))

    def _add_per_layer(self, cur: Tensor, per_layer: Tensor) -> Tensor:
        graph = self.graph
        own = graph.change(graph.make(self.row(self.sketch.per_layer), cur))
        own = graph.change(own, graph.view(per_layer, self.row(self.sketch.per_layer)))
        added = self.norm(graph.make(self.row(self.sketch.n_embd), own))
        return graph.change(cur, added)
