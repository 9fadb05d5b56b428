"""caiso: the operating platform of a Chief AI Security Officer."""

__version__ = "0.1.0"
