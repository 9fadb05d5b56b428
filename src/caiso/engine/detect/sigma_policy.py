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
        """RE2 for what pySigma runs itself; Python's re for what it only parses: look-around in a rule's values."""

        def compile(self, pattern: str, flags: int = 0) -> Any:
            if any(mark in pattern for mark in ("(?<", "(?=", "(?!", "\\")):
                return re.compile(pattern, flags)
            safe = RE2RegexEngine()
            try:
                return safe.compile(pattern, flags)
            except safe.error:
                return re.compile(pattern, flags)  # whose error pySigma expects from this engine

    POLICY = {"policy": SigmaPolicy(regex_engine=_CheckedLater())}
