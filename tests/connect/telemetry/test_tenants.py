"""Documents of another tenant than the one that asked are counted; those for everybody, and of nobody known, are not."""

from __future__ import annotations

from typing import Any

import pytest

from caiso.connect.telemetry.meaning.tenants import foreign


@pytest.mark.parametrize(
    ("asking", "documents", "count"),
    [
        ({"tenant.id": "dorn"}, [{"tenant_id": "acme"}, {"tenant_id": "dorn"}], 1),
        ({"app.tenant_id": 7}, [{"tenantId": 8}, {"tenant": "7"}], 1),
        (
            {"tenant.id": "dorn"},
            [{"source": "s3://kb/tenant-acme/faq.md"}, {"source": "s3://kb/tenant-dorn/faq.md"}],
            1,
        ),
        ({"organization.id": "a1"}, [{"org_id": "b2"}], 1),
        (
            {"tenant.id": "dorn"},
            [{"tenant_id": "shared"}, {"tenant_id": "Dorn"}, {"tenant_id": "dorn-eu"}, {"id": "1"}],
            0,
        ),
        ({"tenant.id": "dorn"}, [{"org_id": "acme"}], 0),
        ({"openai.organization": "firm-7"}, [{"organization": "WHO"}], 0),
        ({"user.id": "kim"}, [{"tenant_id": "acme"}], 0),
        ({"tenant.id": "platform"}, [{"tenant_id": "acme"}], 0),
    ],
)
def test_documents_of_others(asking: dict[str, Any], documents: list[dict[str, Any]], count: int) -> None:
    assert foreign(asking, documents) == count
