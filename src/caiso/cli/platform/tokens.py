"""`caiso token`: the keys of machines."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir

app = typer.Typer(help="List, create and revoke the keys of machines.", add_completion=False, rich_markup_mode=None)


class Scope(StrEnum):
    """What a token may be used for."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"


@app.callback(invoke_without_command=True)
def tokens(ctx: typer.Context, data: Data = None, as_json: Json = False) -> None:
    """List the keys of machines; none shows its text again.

    \b
    Example: caiso token --json
    """
    if ctx.invoked_subcommand is not None:
        return
    boot(chosen_data_dir(data))
    from caiso.web.base.models import ApiToken
    from caiso.web.base.services.tokens import is_live

    now = datetime.now(UTC)
    rows = [
        {
            "prefix": token.prefix,
            "name": token.name,
            "scope": token.scope,
            "unit": token.unit.slug,
            "acts_as": token.user.email if token.user else None,
            "state": "live" if is_live(token, now=now) else "revoked" if token.revoked_at else "expired",
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "last_used_at": token.last_used_at,
            "demo": token.is_demo,
        }
        for token in ApiToken.objects.select_related("unit", "user")
    ]
    columns = {"prefix": "PREFIX", "name": "NAME", "scope": "SCOPE", "unit": "UNIT", "state": "STATE"}
    columns |= {"expires_at": "EXPIRES", "last_used_at": "LAST USED"}
    show(rows, columns, as_json=as_json, empty="No tokens yet; make one with: caiso token create NAME --scope ingest")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What uses it, such as the name of the application.")],
    *,
    scope: Annotated[Scope, typer.Option(help="Send telemetry, read through the API, or write too.")],
    unit: Annotated[str | None, typer.Option(help="Unit that it belongs to; else the whole organisation.")] = None,
    user: Annotated[str | None, typer.Option(help="Login that a reading or writing token acts as.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it expires.")] = 365,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key for a machine and print it, this once.

    \b
    Example: caiso token create my-app --scope ingest --json
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import unit_of, user_of
    from caiso.web.base.models import TokenScope
    from caiso.web.base.services.tokens import create_token

    now = datetime.now(UTC)
    token, text = create_token(
        name=name,
        scope=TokenScope(scope.value),
        unit=unit_of(unit),
        actor=None,
        user=user_of(user) if user else None,
        expires_at=now + timedelta(days=days),
        now=now,
    )
    if as_json:
        emit(
            {
                "token": text,
                "prefix": token.prefix,
                "name": token.name,
                "scope": token.scope,
                "unit": token.unit.slug,
                "expires_at": token.expires_at,
            }
        )
        return
    typer.echo(text)
    note("Keep it now: only its digest is stored.")


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The token's prefix, as the list shows it.")],
    *,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """End a key at once.

    \b
    Example: caiso token revoke 0a1b2c3d4e5f
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import UnableToFind
    from caiso.web.base.models import ApiToken
    from caiso.web.base.services.tokens import revoke_token

    token = ApiToken.objects.filter(prefix=prefix).first()
    if token is None:
        raise UnableToFind(f"there is no token {prefix}; `caiso token` lists them")
    now = datetime.now(UTC)
    revoke_token(token, actor=None, now=now)
    if as_json:
        emit({"prefix": token.prefix, "revoked_at": now})
    else:
        note(f"Revoked {token}.")
