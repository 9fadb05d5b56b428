"""Pages that read everything and own little."""
