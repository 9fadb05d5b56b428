"""What a rule looks at: only what was said to a model, or what was done."""

from __future__ import annotations

from typing import Final

from caiso.engine.detect.condition import Condition, leaves
from caiso.engine.detect.rule import Correlation, Rule, Statistic

_SAID: Final = frozenset(
    {
        "content.user", "content.history", "content.untrusted", "content.documents", "content.memory", "content.system",
        "gen_ai.retrieval.query.text", "gen_ai.tool.call.result",
    }
)  # fmt: skip
_NEUTRAL: Final = frozenset({"event.kind", "aisoc.content.trust", "content.missing", "gen_ai.operation.name"})


def is_content_only(rule: Rule) -> bool:
    """Whether a rule judges by nothing but what was said to a model: then it adds risk, and alerts alone only as low.

    What a model answers and what an agent does are deeds. A correlation or statistic of such rules is about behaviour
    - how often, by whom, in what order - unless it looks at one prompt at a time.
    """
    if isinstance(rule.logic, Correlation):
        return False
    if isinstance(rule.logic, Statistic):
        looked_at = rule.logic.settings.value_fields
        return bool(looked_at) and rule.logic.method in ("suffix", "many-shot") and set(looked_at) <= _SAID
    return _is_said(rule.logic)


def _is_said(condition: Condition) -> bool:
    fields = {leaf.field for leaf in leaves(condition)}
    return bool(fields & _SAID) and fields <= _SAID | _NEUTRAL
