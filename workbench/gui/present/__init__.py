"""The presenter: one prompt and its answers on a whole screen, large enough for a room."""
