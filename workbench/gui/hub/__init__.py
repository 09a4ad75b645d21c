"""Where models come from, in the window: catalogue, licence gate, downloads, packs, other programs' files."""
