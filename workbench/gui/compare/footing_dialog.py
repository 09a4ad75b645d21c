"""How an answer was asked for: everything needed to ask just so again, and where other models were asked otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workbench.chat.answer import Answer
from workbench.chat.footing import Difference, Footing
from workbench.gui import theme
from workbench.gui.compare.words import EXACTNESSES
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

SYSTEMS = {
    "none": "none",
    "native": "in a place of its own",
    "merged": "put before the first message: the template has no place for it",
    "unsupported": "left out: the template has no place for it",
}
FORMATS = {None: "free text", "JsonSchema": "JSON schema", "Grammar": "grammar (GBNF)"}
LONGEST_WORD = 32  # characters: longer ones are hashes, shown in lines of that length
SOURCES = {"file": "the file's own", "none": "none: completed raw", "user": "yours", None: "unknown"}


class FootingDialog(Sheet):
    """``compared`` are the answers that the differences were found between, in their order."""

    def __init__(
        self,
        answer: Answer,
        differences: Sequence[Difference],
        compared: Sequence[Answer],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(560, 520, parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("How it was asked")
        self.facts = tuple(facts(answer))
        inner = QVBoxLayout()
        inner.setSpacing(Space.M)
        if differences:
            inner.addWidget(label("Not asked alike", role="strong", tone=Tone.CAUTION))
            for difference in differences:
                inner.addWidget(_value(by_model(difference, compared), tone=Tone.CAUTION))
        inner.addLayout(_table(self.facts))
        self.ids = QPlainTextEdit(token_ids(answer))
        self.ids.setReadOnly(True)
        self.ids.setProperty("role", "mono")
        self.ids.setTabChangesFocus(True)
        self.ids.setAccessibleName("Token ids of the prompt")
        self.ids.setFixedHeight(theme.px(96))
        if self.ids.toPlainText():
            inner.addWidget(label(f"Token ids of the prompt: {len(self.ids.toPlainText().split()):,}", role="muted"))
            inner.addWidget(self.ids)
        inner.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(f"{answer.model} · {answer.quantisation}", role="subtitle", wrap=True))
        column.addWidget(_scrolled(inner), 1)
        column.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        copy = text_button("Copy")
        copy.clicked.connect(self._copy)
        close = text_button("Close", kind="primary")
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(copy)
        row.addWidget(close)
        return row

    @Slot()
    def _copy(self) -> None:
        lines = [f"{name}: {value}" for name, value in self.facts]
        QGuiApplication.clipboard().setText("\n".join([*lines, f"token ids: {self.ids.toPlainText()}"]))


def facts(answer: Answer) -> Iterator[tuple[str, str]]:
    """Name and value, a line each; what is not known of an old answer is left out."""
    source = SOURCES.get(answer.template_source) or (answer.template_source or "").replace("builtin:", "built in: ")
    yield "Chat template", source
    footing = answer.footing
    if footing is not None:
        if footing.template_sha256:
            yield "Template's SHA-256", footing.template_sha256
        yield "System prompt", SYSTEMS[footing.system]
        if footing.inserted_system:
            yield "Put in by the template", footing.inserted_system
        if footing.date:
            yield "Date told to the model", footing.date
        yield "BOS tokens", f"{footing.bos_count}" + (": doubled" if footing.bos_count > 1 else "")
        if footing.dropped is not None:
            yield "Left out of the prompt", f"{footing.dropped.messages} messages, {footing.dropped.tokens:,} tokens"
        yield "Sampling", footing.sampling or "the same for all"
        yield "Samplers, in order", " → ".join(footing.samplers) or "unknown"
    if answer.temperature is not None:
        yield "Temperature", f"{answer.temperature:g}"
        yield "Top-k, top-p, min-p", f"{answer.top_k}, {answer.top_p:g}, {answer.min_p:g}"
        yield "Repetition penalty", f"{answer.repetition_penalty:g}"
        yield "Seed", f"{answer.seed}"
    if footing is not None:
        yield from _run_facts(footing)
    if answer.context is not None:
        yield "Context, threads", f"{answer.context:,}, {answer.threads}"
    if answer.sha256:
        yield "Model's SHA-256", answer.sha256
    if answer.engine:
        yield "Engine", f"{answer.engine} {answer.engine_version or ''}".strip()


def _run_facts(footing: Footing) -> Iterator[tuple[str, str]]:
    """How it was run, beside what it was told."""
    yield "Prompt cache", EXACTNESSES.get(footing.exactness, footing.exactness)
    yield "Other answers with it", footing.together or "none"
    yield "Output format", FORMATS.get(footing.constraint, "") or f"{footing.constraint}"
    yield "Adapters", ", ".join(footing.adapters) or "none"
    yield "Process", "its own" if footing.isolated else "the program's"
    if footing.cache_types:
        yield "KV cache K/V", f"{footing.cache_types}, flash attention {footing.flash_attention}"
        yield "On a GPU", f"{footing.placement}, micro-batch {footing.micro_batch}"
    for note in footing.engine_notes:
        yield "Done otherwise", note


def by_model(difference: Difference, compared: Sequence[Answer]) -> str:
    """A difference with each value's model: those that failed, or tell nothing of it, have none."""
    told = [answer.model for answer in compared if answer.error is None and answer.footing is not None]
    values = (f"{value} ({model})" for value, model in zip(difference.values, told, strict=True))
    return f"{difference.what}: {', '.join(values)}"


def token_ids(answer: Answer) -> str:
    return " ".join(map(str, answer.footing.tokens)) if answer.footing is not None else ""


def _table(rows: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(Space.M)
    grid.setVerticalSpacing(Space.XS)
    grid.setColumnStretch(1, 1)
    for row, (name, value) in enumerate(rows):
        grid.addWidget(label(name, role="muted"), row, 0, Qt.AlignmentFlag.AlignTop)
        said = _value(value)
        said.setAccessibleName(f"{name}: {value}")
        grid.addWidget(said, row, 1)
    return grid


def _value(text: str, *, tone: Tone = Tone.NONE) -> QLabel:
    """Never wider than the dialog, whatever is in it."""
    made = label(" ".join(map(_broken, text.split(" "))), tone=tone, wrap=True)
    made.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return made


def _broken(word: str) -> str:
    return "\n".join(word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD))


def _scrolled(inner: QVBoxLayout) -> QScrollArea:
    body = QWidget()
    inner.setContentsMargins(0, 0, Space.S, 0)
    body.setLayout(inner)
    area = QScrollArea()
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(body)
    return area
