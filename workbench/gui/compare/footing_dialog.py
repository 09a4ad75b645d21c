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
from workbench.gui import names, theme
from workbench.gui.compare.words import EXACTNESSES
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

SYSTEMS = {
    "none": later("none"),
    "native": later("in a place of its own"),
    "merged": later("put before the first message: the template has no place for it"),
    "unsupported": later("left out: the template has no place for it"),
}
FORMATS = {None: later("free text"), "JsonSchema": later("JSON schema"), "Grammar": later("grammar (GBNF)")}
LONGEST_WORD = 32  # characters: longer ones are hashes, shown in lines of that length
SOURCES = {
    "file": later("the file's own"),
    "none": later("none: completed raw"),
    "user": later("yours"),
    None: later("unknown"),
}


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
        self.setWindowTitle(tr("How it was asked"))
        self.facts = tuple(facts(answer))
        inner = QVBoxLayout()
        inner.setSpacing(Space.M)
        if differences:
            inner.addWidget(label(tr("Not asked alike"), role="strong", tone=Tone.CAUTION))
            for difference in differences:
                inner.addWidget(_value(by_model(difference, compared), tone=Tone.CAUTION))
        inner.addLayout(_table(self.facts))
        self.ids = QPlainTextEdit(token_ids(answer))
        self.ids.setReadOnly(True)
        self.ids.setProperty("role", "mono")
        self.ids.setTabChangesFocus(True)
        self.ids.setAccessibleName(tr("Token ids of the prompt"))
        self.ids.setFixedHeight(theme.px(96))
        if self.ids.toPlainText():
            inner.addWidget(
                label(tr("Token ids of the prompt: {count:,}", count=len(self.ids.toPlainText().split())), role="muted")
            )
            inner.addWidget(self.ids)
        inner.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(names.of_answer(answer), role="subtitle", wrap=True))
        column.addWidget(_scrolled(inner), 1)
        column.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        copy = text_button(tr("Copy"))
        copy.clicked.connect(self._copy)
        close = text_button(tr("Close"))
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(copy)
        row.addWidget(close)
        return row

    @Slot()
    def _copy(self) -> None:
        lines = [f"{name}: {value}" for name, value in self.facts]
        QGuiApplication.clipboard().setText(
            "\n".join([*lines, tr("token ids: {toplaintext}", toplaintext=self.ids.toPlainText())])
        )


def facts(answer: Answer) -> Iterator[tuple[str, str]]:
    """Name and value, a line each; what is not known of an old answer is left out."""
    written = (answer.template_source or "").replace("builtin:", tr("built in: "))
    source = tr(SOURCES[answer.template_source]) if answer.template_source in SOURCES else written
    yield tr("Chat template"), source
    footing = answer.footing
    if footing is not None:
        if footing.template_sha256:
            yield tr("Template's SHA-256"), footing.template_sha256
        yield tr("System prompt"), tr(SYSTEMS[footing.system])
        if footing.inserted_system:
            yield tr("Put in by the template"), footing.inserted_system
        if footing.date:
            yield tr("Date told to the model"), footing.date
        yield tr("BOS tokens"), f"{footing.bos_count}" + (tr(": doubled") if footing.bos_count > 1 else "")
        if footing.dropped is not None:
            yield (
                tr("Left out of the prompt"),
                tr(
                    "{messages} messages, {tokens:,} tokens",
                    messages=footing.dropped.messages,
                    tokens=footing.dropped.tokens,
                ),
            )
        yield tr("Sampling"), tr(footing.sampling) or tr("the same for all")
        yield tr("Samplers, in order"), " → ".join(footing.samplers) or tr("unknown")
    if answer.temperature is not None:
        yield tr("Temperature"), f"{answer.temperature:g}"
        yield tr("Top-k, top-p, min-p"), f"{answer.top_k}, {answer.top_p:g}, {answer.min_p:g}"
        yield tr("Repetition penalty"), f"{answer.repetition_penalty:g}"
        yield tr("Seed"), f"{answer.seed}"
    if footing is not None:
        yield from _run_facts(footing)
    if answer.context is not None:
        yield tr("Context, threads"), f"{answer.context:,}, {answer.threads}"
    if answer.sha256:
        yield tr("Model's SHA-256"), answer.sha256
    if answer.engine:
        yield tr("Engine"), f"{answer.engine} {answer.engine_version or ''}".strip()


def _run_facts(footing: Footing) -> Iterator[tuple[str, str]]:
    """How it was run, beside what it was told."""
    yield tr("Prompt cache"), tr(EXACTNESSES.get(footing.exactness, footing.exactness))
    yield tr("Other answers with it"), tr(footing.together or "") or tr("none")
    yield tr("Output format"), tr(FORMATS.get(footing.constraint, f"{footing.constraint}"))
    yield tr("Adapters"), ", ".join(footing.adapters) or tr("none")
    yield tr("Process"), tr("its own") if footing.isolated else tr("the program's")
    if footing.cache_types:
        yield (
            tr("KV cache K/V"),
            tr(
                "{cache_types}, flash attention {flash_attention}",
                cache_types=footing.cache_types,
                flash_attention=footing.flash_attention,
            ),
        )
        yield (
            tr("On a GPU"),
            tr("{placement}, micro-batch {micro_batch}", placement=footing.placement, micro_batch=footing.micro_batch),
        )
    for note in footing.engine_notes:
        yield tr("Done otherwise"), tr(note)


def by_model(difference: Difference, compared: Sequence[Answer]) -> str:
    """A difference with each value's model: those that failed, or tell nothing of it, have none."""
    told = [names.of_answer(answer) for answer in compared if answer.error is None and answer.footing is not None]
    values = (f"{tr(value)} ({model})" for value, model in zip(difference.values, told, strict=True))
    return f"{tr(difference.what)}: {', '.join(values)}"


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
