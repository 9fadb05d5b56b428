"""Reads headers of model files; nothing is ever unpickled or loaded."""

from caiso.engine.discover.weights.read import is_weights, read_weights

__all__ = ["is_weights", "read_weights"]
