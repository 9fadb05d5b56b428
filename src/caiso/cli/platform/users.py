"""`caiso user`: logins, from the command line."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, emit, note, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir

app = typer.Typer(help="List logins, create one, reset a password.", add_completion=False, rich_markup_mode=None)

Email = Annotated[str, typer.Argument(help="E-mail address of the login.")]


@app.callback(invoke_without_command=True)
def users(ctx: typer.Context, data: Data = None, as_json: Json = False) -> None:
    """List the logins with their access roles.

    \b
    Example: caiso user --json
    """
    if ctx.invoked_subcommand is not None:
        return
    boot(chosen_data_dir(data))
    from caiso.web.base.models import User

    rows = [
        {
            "email": user.email,
            "name": user.name,
            "active": user.is_active,
            "roles": [f"{grant.role} in {grant.unit.slug}" for grant in user.grants.all()],
            "last_login_at": user.last_login,
            "demo": user.is_demo,
        }
        for user in User.objects.prefetch_related("grants__unit").order_by("email")
    ]
    columns = {"email": "E-MAIL", "name": "NAME", "active": "ACTIVE", "roles": "ROLES", "last_login_at": "LAST LOGIN"}
    show(rows, columns, as_json=as_json)


@app.command()
def create(
    email: Email,
    *,
    role: Annotated[str, typer.Option(help="Access role, such as caiso, analyst, auditor, administrator.")],
    name: Annotated[str, typer.Option(help="Name that pages show.")] = "",
    unit: Annotated[str | None, typer.Option(help="Unit in which the role holds; else the whole organisation.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a login with one access role; prints its password unless you gave it.

    \b
    Example: caiso user create ada@example.org --role analyst
    """
    boot(chosen_data_dir(data))
    from django.db import transaction

    from caiso.cli.platform.operator import UnableToFind, unit_of
    from caiso.web.base.models import AccessRole
    from caiso.web.base.services.people import create_user, grant_role

    if role not in AccessRole.values:
        raise UnableToFind(f'there is no access role "{role}"; there are: {", ".join(AccessRole.values)}')
    given = sys.stdin.readline().rstrip("\n") if password_stdin else None
    now = datetime.now(UTC)
    with transaction.atomic():
        user, password = create_user(email=email, name=name, password=given, actor=None, now=now)
        grant = grant_role(user, role=AccessRole(role), unit=unit_of(unit), actor=None, now=now)
    made = {"email": user.email, "role": role, "unit": grant.unit.slug}
    _tell(made if given else made | {"password": password}, as_json=as_json)


@app.command("reset-password")
def reset(email: Email, *, data: Data = None, as_json: Json = False) -> None:
    """Give a login a new password and end its sessions.

    \b
    Example: caiso user reset-password ada@example.org
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import user_of
    from caiso.web.base.services.people import reset_password

    user = user_of(email)
    password = reset_password(user, actor=None, now=datetime.now(UTC))
    _tell({"email": user.email, "password": password}, as_json=as_json)


def _tell(made: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        emit(made)
        return
    note(", ".join(f"{key} {value}" for key, value in made.items() if key != "password"))
    if "password" in made:
        typer.echo(made["password"])
