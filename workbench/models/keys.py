"""The metadata of one architecture, read with suspicion: no number is below 0, and none is missing."""

from __future__ import annotations

from workbench.models.header import Array, Header


class Keys:
    """Keys below the architecture's own name."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.architecture = header.architecture or ""

    def number(self, key: str, default: int = 0) -> int:
        value = self.header.integer(f"{self.architecture}.{key}")
        return default if value is None else max(0, value)

    def real(self, key: str) -> float:
        """0 where the file gives no number."""
        value = self.header.metadata.get(f"{self.architecture}.{key}")
        return float(value) if isinstance(value, int | float) and value == value else 0.0

    def has(self, key: str) -> bool:
        return f"{self.architecture}.{key}" in self.header.metadata

    def array(self, key: str) -> Array | None:
        """A list whose numbers were kept."""
        value = self.header.metadata.get(f"{self.architecture}.{key}")
        return value if isinstance(value, Array) and value.values is not None else None

    def per_layer(self, key: str, n_layer: int, default: int = 0) -> list[int]:
        """One number for all layers, or one each; layers beyond a short list have the default."""
        value = self.array(key)
        if value is not None and value.values is not None:
            numbers = [max(0, int(number)) for number in value.values if number == number and abs(number) < 1 << 63]
            return (numbers + [default] * n_layer)[:n_layer]
        return [self.number(key, default)] * n_layer
