"""Where models come from: the local library, and the starter models."""
