"""What a context has evaluated, and how much of it the next prompt need not evaluate again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.engine.base import Mode
from workbench.engine.native import Context, Weights
from workbench.engine.prefix import boundary, common_length, is_exact, pieces, reusable
from workbench.engine.prompt_cache import WORTH_LOADING, WORTH_STORING, CachedPrefixes
from workbench.engine.rollback import Rollback, rollback_of
from workbench.models.params import RunParams


class Memory:
    """A context together with the tokens in it; the first ``exact`` are bit for bit as in a cold run."""

    def __init__(self, context: Context, rollback: Rollback, cache: CachedPrefixes | None = None) -> None:
        self.context = context
        self._rollback = rollback
        self._cache = cache
        self._evaluated: list[int] = []
        self._exact = 0
        self._boundary = 0
        self._prefilled = 0

    @classmethod
    def of(cls, context: Context, weights: Weights, params: RunParams, cache: CachedPrefixes | None = None) -> Memory:
        return cls(context, rollback_of(context, weights, params), cache)

    @property
    def length(self) -> int:
        """How many tokens the context holds."""
        return len(self._evaluated)

    @property
    def copies_bytes(self) -> int:
        """Main memory that copies of earlier states may take, beside the context's own."""
        return self._rollback.copies_bytes

    def reuse(self, tokens: Sequence[int], mode: Mode) -> int:
        """Keep what can be kept for a prompt, forget the rest; how many tokens are kept."""
        common = common_length(self._evaluated, tokens)
        wanted = reusable(common, self._exact, len(tokens), mode)
        kept = self._rollback.to(wanted) if wanted else 0
        self._evaluated = list(tokens[:kept])
        self._exact = min(self._exact, kept)
        if not kept:
            self.context.clear()
            self._rollback.cleared()
        if self._cache is not None:
            kept = self._fetched(self._cache, tokens, kept)
        self._boundary = boundary(len(tokens))
        self._prefilled = len(tokens) - kept
        return kept

    def pieces(self, kept: int, total: int) -> list[range]:
        """In which pieces the rest of the prompt is to be evaluated."""
        return pieces(kept, total, self.context.n_ubatch, self._boundary if self._rollback.needs_cut else 0)

    def prefill(self, tokens: Sequence[int], stop: Callable[[], bool], *, output: bool) -> None:
        """Evaluate one piece.  Raises Aborted, NativeError; everything is forgotten then."""
        start, end = self.length, self.length + len(tokens)
        self._rollback.before(end)
        try:
            self.context.prefill(tokens, start, stop, output=output)
        except BaseException:  # Ctrl-C too: nobody knows what the context holds
            self.forget()
            raise
        self._evaluated.extend(tokens)
        if is_exact(start, self._exact):
            self._exact = end
        if self._boundary and start <= self._boundary <= end:
            self._rollback.remember(self._boundary)

    def step(self, token: int) -> None:
        """Evaluate one token of an answer.  Raises NativeError; everything is forgotten then."""
        self._rollback.before(self.length + 1)
        try:
            self.context.step(token, self.length)
        except BaseException:
            self.forget()
            raise
        self._evaluated.append(token)

    def answered(self) -> None:
        """The answer is complete: a long prefix that was new is stored for another day."""
        length = self._boundary
        if self._cache is None or length > self._exact or self._prefilled < WORTH_STORING:
            return
        prefix = self._evaluated[:length]
        if self._cache.wants(prefix) and (state := self._rollback.state(length)) is not None:
            self._cache.store(prefix, state)

    def forget(self) -> None:
        """Start with nothing."""
        self._evaluated, self._exact = [], 0
        self.context.clear()
        self._rollback.cleared()

    def _fetched(self, cache: CachedPrefixes, tokens: Sequence[int], kept: int) -> int:
        """How many tokens are kept after a look at the cache, which may hold more than this context."""
        found = cache.longest(tokens, whole=not self._rollback.shortens)
        if found is None:
            return kept
        length = len(found.tokens)
        wanted = reusable(common_length(found.tokens, tokens), length, len(tokens), Mode.AUDIT)
        if wanted - kept < WORTH_LOADING or (wanted < length and not self._rollback.shortens):
            return kept
        state = cache.load(found)
        if state is None:
            return kept
        self.forget()
        if not self._rollback.put_back(state, length) or (wanted < length and not self._rollback.to(wanted)):
            self.forget()
            return 0
        self._evaluated, self._exact = list(tokens[:wanted]), wanted
        return wanted
