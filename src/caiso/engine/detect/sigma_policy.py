"""Lets pySigma 2 accept look-around, which our own pattern compiler bounds; pySigma 1.5 has no such setting."""

from __future__ import annotations

import re
from typing import Any

try:
    from sigma.policy import SigmaPolicy
    from sigma.policy.regex_engine import PythonRegexEngine, RE2RegexEngine
except ImportError:  # pySigma before 2.0
    POLICY: dict[str, Any] = {}
else:

    class _CheckedLater(PythonRegexEngine):
        """RE2 wherever it can; else Python's re, only to parse: pySigma runs no value's expression."""

        def compile(self, pattern: str, flags: int = 0) -> Any:
            safe = RE2RegexEngine()
            try:
                if "(?<" not in pattern and "(?=" not in pattern and "(?!" not in pattern and "\\1" not in pattern:
                    return safe.compile(pattern, flags)
            except safe.error:
                pass
            return re.compile(pattern, flags)

    POLICY = {"policy": SigmaPolicy(regex_engine=_CheckedLater())}
