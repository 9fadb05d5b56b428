"""Template tags of security operations."""
