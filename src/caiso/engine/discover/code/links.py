"""Ties a finding to the expression that made it, and to the findings inside its arguments."""

from __future__ import annotations

from caiso.engine.discover.code.context import Context, Hit
from caiso.engine.discover.code.expression import Expr
from caiso.engine.discover.records import Observation


def made(context: Context, hit: Hit, observation: Observation) -> Observation:
    hit.identity = observation.identity
    context.findings.expressions[id(hit.call)] = observation.identity
    return observation


def edge(context: Context, source: Observation, kind: str, value: Expr | None, kinds: tuple[str, ...] = ()) -> None:
    if value is None:
        return

    def targets() -> list[str]:
        return [item for item in context.identities(value) if not kinds or item.startswith(kinds)]

    context.findings.edge(source, kind, targets)
