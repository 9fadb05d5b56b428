"""Turns a stream of normalised AI events into signals, by rules."""
