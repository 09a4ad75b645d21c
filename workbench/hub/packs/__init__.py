"""Packs: models and what belongs to them, carried to machines without a network and checked there."""
