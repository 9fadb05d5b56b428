"""What tests of the inventory start from: scan results as the engine gives them."""

from collections.abc import Callable

import pytest

from caiso.engine.discover import Asset, Evidence, Relation, ScanResult, Status

Found = Callable[..., Asset]


def found(
    kind: str,
    identity: str,
    *,
    name: str = "",
    path: str = "app.py",
    line: int = 3,
    status: str = "active",
    relations: tuple[tuple[str, str], ...] = (),
    attributes: dict[str, object] | None = None,
) -> Asset:
    """One asset of a scan."""
    return Asset(
        kind=kind,
        name=name or identity.rpartition("/")[2],
        identity=identity,
        status=Status(status),
        evidence=[Evidence(path, line, "client constructed", "syntax tree", 0.9, "OpenAI()")],
        attributes=dict(attributes or {}),
        relations=[Relation(kind, target) for kind, target in relations],
    )


def result(*assets: Asset) -> ScanResult:
    """A scan that found these."""
    return ScanResult(list(assets), [], files_scanned=12, bytes_scanned=4000, observations=len(assets))


@pytest.fixture
def claims_scan() -> ScanResult:
    """An agent with a model, a tool and a package."""
    return result(
        found(
            "agent",
            "agent:app.py#agent",
            name="claims agent",
            relations=(("uses_model", "openai/gpt-5"), ("calls_tool", "tool:app.py#search")),
        ),
        found("hosted_model", "openai/gpt-5", line=9),
        found("tool", "tool:app.py#search", name="search", line=20),
        found("dependency", "pkg:pypi/openai", path="requirements.txt", line=1),
    )
