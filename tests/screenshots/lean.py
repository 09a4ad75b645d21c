"""Pictures of a window in a third of the bytes: 256 of its colours, and for the shades between the nearest."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

COLOURS = 256
COMMON = 128  # the commonest of them; the others are those that would be missed most


def lean(picture: QImage) -> QImage:
    """The same picture with a palette."""
    picture = picture.convertToFormat(QImage.Format.Format_RGB32)
    width, height = picture.width(), picture.height()
    pixels = np.frombuffer(picture.constBits(), np.uint32)
    every, place, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    parts = np.stack([every >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.int64)
    chosen = [int(one) for one in np.argsort(counts)[::-1][:COMMON]]
    away = np.min([((parts - parts[one]) ** 2).sum(axis=1) for one in chosen], axis=0)
    while len(chosen) < min(COLOURS, len(every)):
        chosen.append(int(np.argmax(away * np.sqrt(counts))))
        away = np.minimum(away, ((parts - parts[chosen[-1]]) ** 2).sum(axis=1))
    kept, palette = every[chosen], parts[chosen]
    nearest = np.array([np.argmin(((palette - part) ** 2).sum(axis=1)) for part in parts], np.uint8)
    rows = np.zeros((height, -(-width // 4) * 4), np.uint8)  # a line of an indexed image is whole words long
    rows[:, :width] = nearest[place].reshape(height, width)
    indexed = QImage(rows.tobytes(), width, height, rows.shape[1], QImage.Format.Format_Indexed8)
    indexed.setColorTable([int(colour) for colour in kept])
    return indexed.copy()  # the bytes above are not the picture's own
