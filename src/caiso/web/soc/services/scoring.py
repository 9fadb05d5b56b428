"""How urgent an alert is, as a number from 0 to 100 with the reason for every point."""

from dataclasses import dataclass

SEVERITY_POINTS = {"informational": 5, "low": 15, "medium": 35, "high": 55, "critical": 75}
CRITICALITY_POINTS = {"": 0, "low": -5, "medium": 0, "high": 8, "critical": 15}
REPEAT_POINTS = 3
REPEAT_LIMIT = 12
UNMANAGED_POINTS = 5
LIMIT = 100


@dataclass(frozen=True)
class Score:
    """`points` 0-100; `reasons` add up to it, each with its share."""

    points: int
    reasons: tuple[str, ...]


def score_alert(
    *, severity: str, criticality: str, other_rules: int, unmanaged: bool, precision: float | None
) -> Score:
    """Severity of the rule, criticality of the asset, other rules that fired for the same entity today, and the rule's precision.

    `precision` is true verdicts over all verdicts (None while too few are known): a rule that is often wrong cannot
    push its alerts to the top, and it loses at most a third of its severity so that it is never silenced by arithmetic.
    """
    parts = [(SEVERITY_POINTS.get(severity, 15), f"rule severity {severity}")]
    if precision is not None and precision < 1:
        parts.append((-round(parts[0][0] * (1 - precision) / 3), f"rule was right in {precision:.0%} of its verdicts"))
    if points := CRITICALITY_POINTS.get(criticality, 0):
        parts.append((points, f"asset criticality {criticality}"))
    if unmanaged:
        parts.append((UNMANAGED_POINTS, "asset is not managed by anybody"))
    if other_rules:
        parts.append(
            (
                min(REPEAT_LIMIT, REPEAT_POINTS * other_rules),
                f"{other_rules} other rules fired for the same entity within a day",
            )
        )
    total = max(0, min(LIMIT, sum(points for points, _ in parts)))
    return Score(total, tuple(f"{points:+d} {reason}" for points, reason in parts))
