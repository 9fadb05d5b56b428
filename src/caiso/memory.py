"""What keeps processes small: free memory given back to the operating system, libraries left out that nobody here uses."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


def give_back() -> None:
    """Hand back what Arrow and the C library hold free; of the latter only where it is glibc.

    Without it a process keeps for ever what its busiest moment took.
    """
    if (arrow := sys.modules.get("pyarrow")) is not None:  # not loaded for this
        arrow.default_memory_pool().release_unused()
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Import as if these optional modules were not installed; those that are loaded already stay."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks a module that is not there
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
