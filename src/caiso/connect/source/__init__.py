"""Brings source trees within reach: a folder on disk, a shallow clone of a repository."""
