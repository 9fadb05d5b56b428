"""From an OTLP request to a durable, normalised event: edge, write-ahead log, parts, content store and reader."""
