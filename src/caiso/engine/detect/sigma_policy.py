"""Lets pySigma 2 accept look-around, which our own pattern compiler bounds; pySigma 1.5 has no such setting."""

from __future__ import annotations

import re
from typing import Any

try:
    import re2
    from sigma.policy import SigmaPolicy
    from sigma.policy.regex_engine import PythonRegexEngine
except ImportError:  # pySigma before 2.0
    POLICY: dict[str, Any] = {}
else:
    # RE2 takes no flags beside the pattern.
    _INLINE = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))

    class _CheckedLater(PythonRegexEngine):
        """RE2 for what pySigma runs itself; Python's re for what it only parses: look-around in a rule's values."""

        def compile(self, pattern: str, flags: int = 0) -> Any:
            if any(mark in pattern for mark in ("(?<", "(?=", "(?!", "\\")):
                return self._parsed(pattern, flags)
            options = re2.Options()
            options.log_errors = False  # whoever wrote the pattern is told; the server's log need not be
            inline = "".join(letter for flag, letter in _INLINE if flags & flag)
            try:
                return re2.compile(f"(?{inline}){pattern}" if inline else pattern, options)
            except re2.error:
                return self._parsed(pattern, flags)

        @staticmethod
        def _parsed(pattern: str, flags: int) -> Any:
            """Python's, which tells every fault by the one error that pySigma expects from this engine."""
            try:
                return re.compile(pattern, flags)
            except (OverflowError, RecursionError) as fault:  # a repetition without end, a nesting without end
                raise re.error(str(fault), pattern) from fault

    POLICY = {"policy": SigmaPolicy(regex_engine=_CheckedLater())}
