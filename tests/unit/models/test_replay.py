"""A graph's allocations played through, as ggml plays them."""

from __future__ import annotations

from workbench.models.replay import Graph, Tensor, size_of

KIB = 1024


def peak(graph: Graph, last: Tensor, tokens: int = 1) -> int:
    graph.expand(graph.keep(last))
    return graph.program().peak_bytes((tokens, 1, 1, 1, 1, 1, 1))


def test_a_result_takes_the_place_of_what_is_no_longer_needed() -> None:
    graph = Graph()
    made = graph.input(size_of(tokens=KIB))
    for _ in range(10):
        made = graph.make(size_of(tokens=KIB), made)
    assert peak(graph, made) == 2 * KIB


def test_an_operation_in_place_needs_no_memory_of_its_own() -> None:
    graph = Graph()
    made = graph.input(size_of(tokens=KIB))
    for _ in range(10):
        made = graph.change(made)
    assert peak(graph, made) == KIB


def test_what_is_needed_later_is_not_written_over() -> None:
    graph = Graph()
    first = graph.input(size_of(tokens=KIB))
    assert peak(graph, graph.change(graph.change(first), first)) == 2 * KIB


def test_a_view_is_free_and_keeps_what_it_shows() -> None:
    graph = Graph()
    first = graph.input(size_of(tokens=KIB))
    shown = graph.view(first)
    between = graph.make(size_of(tokens=4 * KIB), first)
    assert peak(graph, graph.make(size_of(tokens=KIB), between, shown)) == 6 * KIB


def test_a_hole_too_small_is_left_and_the_buffer_grows() -> None:
    graph = Graph()
    small, other = graph.input(size_of(tokens=KIB)), graph.input(size_of(tokens=KIB))
    large = graph.make(size_of(tokens=2 * KIB), graph.make(size_of(tokens=32), small), other)
    # The place of the first input is free again, but only half of what the result needs.
    assert peak(graph, large) == 4 * KIB + 32


def test_memory_outside_the_buffer_costs_nothing() -> None:
    graph = Graph()
    first = graph.input(size_of(tokens=KIB))
    graph.expand(graph.store(graph.view(first)))
    assert peak(graph, graph.make(size_of(tokens=KIB), graph.outside())) == KIB


def test_one_drawing_serves_any_number_of_tokens() -> None:
    graph = Graph()
    made = graph.make(size_of(tokens=100, constant=7), graph.input(size_of(tokens=1)))
    graph.expand(graph.keep(made))
    program = graph.program()
    # Sizes are rounded up to 32 bytes.
    assert program.peak_bytes((1, 1, 1, 1, 1, 1, 1)) == 32 + 128
    assert program.peak_bytes((640, 1, 1, 1, 1, 1, 1)) == 640 + 64_032
