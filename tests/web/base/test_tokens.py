"""A token opens what it is for, as long as it is for, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from caiso.connect.telemetry.edge import NotAllowed
from caiso.connect.telemetry.records import Source
from caiso.web.base.edge_auth import authenticate
from caiso.web.base.models import ApiToken, AuditRecord, TokenScope
from caiso.web.base.services.tokens import (
    UnableToCreateToken,
    UnableToRevokeToken,
    authenticate_token,
    create_token,
    revoke_token,
)
from tests.web.base.factories import NOW, make_unit, make_user

pytestmark = pytest.mark.django_db
ALL = list(TokenScope)


def test_token_is_stored_as_a_digest_only_and_audited_without_its_text() -> None:
    unit = make_unit("bank")
    user = make_user("administrator", unit)
    token, text = create_token(name="proxy", scope=TokenScope.INGEST, unit=unit, actor=user, now=NOW)
    assert text.startswith(f"caiso_ingest_{token.prefix}_")
    assert len(text) > 60
    secret = text.rsplit("_", 1)[1]
    assert not any(secret in str(value) for row in (ApiToken, AuditRecord) for value in row.objects.values())
    assert AuditRecord.objects.get().verb == "token.create"
    assert authenticate_token(text, scopes=ALL, now=NOW) == token


def test_wrong_expired_revoked_or_misused_tokens_are_refused() -> None:
    unit = make_unit("bank")
    user = make_user("analyst", unit)
    token, text = create_token(
        name="t", scope=TokenScope.READ, unit=unit, actor=user, expires_at=NOW + timedelta(days=1), now=NOW
    )
    for wrong in (
        "",
        "caiso",
        text[:-1],
        text + "x",
        text.replace("_read_", "_write_"),
        f"x{text}",
        "caiso_read__",
        "\udcff_\x00",
    ):
        assert authenticate_token(wrong, scopes=ALL, now=NOW) is None, wrong
    assert authenticate_token(text, scopes=[TokenScope.WRITE], now=NOW) is None
    assert authenticate_token(text, scopes=ALL, now=NOW + timedelta(days=1)) is None
    assert authenticate_token(text, scopes=ALL, now=NOW) == token
    user.is_active = False
    user.save()
    assert authenticate_token(text, scopes=ALL, now=NOW) is None
    user.is_active = True
    user.save()
    revoke_token(token, actor=user, now=NOW)
    assert authenticate_token(text, scopes=ALL, now=NOW) is None
    with pytest.raises(UnableToRevokeToken):
        revoke_token(token, actor=user, now=NOW)


def test_last_use_is_written_at_most_once_a_minute() -> None:
    unit = make_unit("bank")
    _, text = create_token(name="t", scope=TokenScope.INGEST, unit=unit, actor=None, now=NOW)
    seen = []
    for seconds in (0, 30, 59, 60, 61):
        authenticate_token(text, scopes=ALL, now=NOW + timedelta(seconds=seconds))
        seen.append((ApiToken.objects.get().last_used_at - NOW).seconds)
    assert seen == [0, 0, 0, 60, 60]


def test_nobody_makes_tokens_beyond_their_rights() -> None:
    bank, shop = make_unit("bank"), make_unit("shop")
    analyst, admin = make_user("analyst", bank), make_user("administrator", bank)
    refused = [
        {"scope": TokenScope.INGEST, "unit": bank, "actor": analyst},
        {"scope": TokenScope.INGEST, "unit": shop, "actor": admin},
        {"scope": TokenScope.WRITE, "unit": shop, "actor": admin},
        {"scope": TokenScope.READ, "unit": bank, "actor": admin, "user": analyst},
        {"scope": TokenScope.READ, "unit": bank, "actor": None},
        {"scope": TokenScope.INGEST, "unit": bank, "actor": admin, "expires_at": NOW},
        {"scope": TokenScope.INGEST, "unit": bank, "actor": admin, "expires_at": NOW + timedelta(days=900)},
    ]
    for case in refused:
        with pytest.raises(UnableToCreateToken):
            create_token(name="t", now=NOW, **case)
    assert not ApiToken.objects.exists()
    token, _ = create_token(name="t", scope=TokenScope.READ, unit=bank, actor=admin, now=NOW)
    with pytest.raises(UnableToRevokeToken):
        revoke_token(token, actor=analyst, now=NOW)


def ask(text: str) -> Source | None:
    """As the edge asks: in a thread, which has a database connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(authenticate, text).result()


@pytest.mark.django_db(transaction=True)
def test_edge_gets_the_source_of_an_ingest_token_and_names_a_misused_one() -> None:
    unit = make_unit("bank")
    token, text = create_token(name="gateway", scope=TokenScope.INGEST, unit=unit, actor=None, now=NOW)
    source = ask(text)
    assert source is not None
    assert (source.id, source.name) == (token.prefix, "gateway")
    assert ask(text + "x") is None
    _, other = create_token(
        name="r", scope=TokenScope.READ, unit=unit, actor=None, user=make_user("analyst", unit), now=NOW
    )
    with pytest.raises(NotAllowed):
        ask(other)
