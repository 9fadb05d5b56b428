"""Readers of the wire formats behind ``otlp``: a hand walk of protobuf, OTLP/JSON and newline-delimited JSON."""
