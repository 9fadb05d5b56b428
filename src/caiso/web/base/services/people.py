"""Units, people, logins and what the logins may do."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.text import slugify

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessGrant, AccessRole, Person, Unit, User
from caiso.web.base.queries import live_administrators
from caiso.web.base.services import audit, facts

DEEPEST = 20


class UnableToChangeUnit(DomainError):
    """The tree of units cannot be changed that way."""


class UnableToChangePerson(DomainError):
    """The person cannot be written that way."""


class UnableToChangeLogin(DomainError):
    """The login or its rights cannot be changed that way."""


def create_unit(
    *, name: str, parent: Unit | None, slug: str = "", is_demo: bool = False, actor: User | None, now: datetime
) -> Unit:
    """Add a unit under a parent; without one it is the root, of which there is only one per kind (real, demo)."""
    name = _one_line(name, 200, UnableToChangeUnit)
    if parent is None and Unit.objects.filter(parent=None, is_demo=is_demo).exists():
        raise UnableToChangeUnit("the organisation has its root already: name a parent unit")
    if parent is not None:
        _may(actor, "organisation.edit", parent, UnableToChangeUnit)
        if parent.path.count("/") > DEEPEST:
            raise UnableToChangeUnit(f"units stand at most {DEEPEST} deep")
    with transaction.atomic():
        unit = Unit(
            slug=_free_slug(Unit, slug or name),
            name=name,
            parent=parent,
            is_demo=is_demo or bool(parent and parent.is_demo),
        )
        unit.path = f"?{secrets.token_hex(8)}"  # the path holds the id, which the database gives
        unit.save()
        unit.path = f"{parent.path if parent else '/'}{unit.pk}/"
        unit.save(update_fields=["path"])
        audit.record(actor=actor, verb="unit.create", subject=unit, changes={"name": [None, name]}, now=now)
    return unit


def change_unit(unit: Unit, *, changes: Mapping[str, Any], actor: User | None, now: datetime) -> Unit:
    """Rename a unit or hang it (with all below it) under another parent."""
    if unknown := set(changes) - {"name", "parent"}:
        raise UnableToChangeUnit(f"a unit has no changeable {', '.join(sorted(unknown))}")
    _may(actor, "organisation.edit", unit, UnableToChangeUnit)
    before = audit.snapshot(unit, ("name", "parent"))
    with transaction.atomic():
        if "name" in changes:
            unit.name = _one_line(changes["name"], 200, UnableToChangeUnit)
        if "parent" in changes and changes["parent"] != unit.parent:
            _hang(unit, changes["parent"], actor=actor)
        unit.save()
        made = audit.changed_fields(before, audit.snapshot(unit, ("name", "parent")))
        if made:
            audit.record(actor=actor, verb="unit.change", subject=unit, changes=made, now=now)
    return unit


def _hang(unit: Unit, parent: Unit | None, *, actor: User | None) -> None:
    if parent is None or unit.parent is None:
        raise UnableToChangeUnit("the root stays where it is, and no other unit becomes one")
    _may(actor, "organisation.edit", parent, UnableToChangeUnit)
    if parent.path.startswith(unit.path):
        raise UnableToChangeUnit(f"{parent} lies below {unit}")
    old, new = unit.path, f"{parent.path}{unit.pk}/"
    for below in Unit.objects.filter(path__startswith=old).exclude(pk=unit.pk).select_for_update():
        below.path = new + below.path[len(old) :]
        below.save(update_fields=["path"])
    unit.parent, unit.path = parent, new


def remove_unit(unit: Unit, *, actor: User | None, now: datetime) -> None:
    """Remove an empty unit."""
    _may(actor, "organisation.edit", unit, UnableToChangeUnit)
    with transaction.atomic():
        audit.record(actor=actor, verb="unit.remove", subject=unit, changes={"name": [unit.name, None]}, now=now)
        try:
            with transaction.atomic():
                unit.delete()
        except (ProtectedError, RestrictedError) as error:
            raise UnableToChangeUnit(f"{unit} is not empty: move or remove what belongs to it first") from error


def create_person(
    *,
    name: str,
    unit: Unit,
    email: str = "",
    slug: str = "",
    user: User | None = None,
    is_demo: bool = False,
    actor: User | None,
    now: datetime,
) -> Person:
    """Add somebody to the organisation."""
    _may(actor, "organisation.edit", unit, UnableToChangePerson)
    name = _one_line(name, 200, UnableToChangePerson)
    with transaction.atomic():
        person = Person.objects.create(
            slug=_free_slug(Person, slug or name),
            name=name,
            email=_email(email, UnableToChangePerson) if email else "",
            unit=unit,
            user=user,
            is_demo=is_demo or unit.is_demo,
        )
        audit.record(
            actor=actor,
            verb="person.create",
            subject=person,
            changes={"name": [None, name], "email": [None, person.email]},
            now=now,
        )
    return person


def change_person(person: Person, *, changes: Mapping[str, Any], actor: User | None, now: datetime) -> Person:
    """Change name, e-mail, unit, login or whether somebody is still there."""
    allowed = ("name", "email", "unit", "user", "is_active")
    if unknown := set(changes) - set(allowed):
        raise UnableToChangePerson(f"a person has no changeable {', '.join(sorted(unknown))}")
    _may(actor, "organisation.edit", person.unit, UnableToChangePerson)
    if "unit" in changes:
        _may(actor, "organisation.edit", changes["unit"], UnableToChangePerson)
    before = audit.snapshot(person, allowed)
    with transaction.atomic():
        for name, value in changes.items():
            setattr(person, name, value)
        person.name = _one_line(person.name, 200, UnableToChangePerson)
        person.email = _email(person.email, UnableToChangePerson) if person.email else ""
        person.save()
        made = audit.changed_fields(before, audit.snapshot(person, allowed))
        if made:
            audit.record(actor=actor, verb="person.change", subject=person, changes=made, now=now)
    return person


def create_user(
    *, email: str, name: str = "", password: str | None = None, is_demo: bool = False, actor: User | None, now: datetime
) -> tuple[User, str]:
    """Make a login and return it with its password (a random one where none is given); it may do nothing yet."""
    email = _email(email, UnableToChangeLogin)
    if User.objects.filter(email=email).exists():
        raise UnableToChangeLogin(f"there is a login for {email} already")
    _may_somewhere(actor, "admin")
    password = password or secrets.token_urlsafe(15)
    _check_password(password, User(email=email, name=name))
    with transaction.atomic():
        user = User.objects.create_user(email, password, name=name.strip()[:200], is_demo=is_demo)
        audit.record(actor=actor, verb="user.create", subject=user, changes={"email": [None, email]}, now=now)
        facts.touched("users", [user.pk], now=now)
    return user, password


def grant_role(
    user: User,
    *,
    role: AccessRole,
    unit: Unit,
    expires_on: date | None = None,
    actor: User | None,
    now: datetime,
) -> AccessGrant:
    """Give a login an access role in a unit and its children; an existing grant gets the new expiry."""
    _may_grant(user, unit, actor=actor)
    if expires_on is not None and expires_on < now.date():
        raise UnableToChangeLogin("the grant would be over already")
    with transaction.atomic():
        before = AccessGrant.objects.filter(user=user, role=role, unit=unit).values_list("expires_on", flat=True)
        old = list(before)
        grant, _ = AccessGrant.objects.update_or_create(
            user=user,
            role=role,
            unit=unit,
            defaults={"expires_on": expires_on},
            create_defaults={"expires_on": expires_on, "granted_by": actor, "granted_at": now},
        )
        audit.record(
            actor=actor,
            verb="grant.change" if old else "grant.create",
            subject=grant,
            changes={"expires_on": [old[0] if old else None, expires_on], "role": [None, role]},
            now=now,
        )
        facts.touched("users", [user.pk], now=now)
    return grant


def revoke_grant(grant: AccessGrant, *, actor: User | None, now: datetime) -> None:
    """Take an access role away."""
    _may_grant(grant.user, grant.unit, actor=actor)
    with transaction.atomic():
        audit.record(actor=actor, verb="grant.revoke", subject=grant, changes={"role": [grant.role, None]}, now=now)
        user = grant.user
        grant.delete()
        _keep_an_administrator(now)
        facts.touched("users", [user.pk], now=now)


def set_active(user: User, *, is_active: bool, actor: User | None, now: datetime) -> None:
    """Close a login (its sessions and tokens end at once) or open it again."""
    _may_manage(user, actor)
    with transaction.atomic():
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        if not is_active:
            _keep_an_administrator(now)
            end_sessions(user)
        audit.record(
            actor=actor,
            verb="user.open" if is_active else "user.close",
            subject=user,
            changes={"is_active": [not is_active, is_active]},
            now=now,
        )
        facts.touched("users", [user.pk], now=now)


def reset_password(user: User, *, actor: User | None, now: datetime) -> str:
    """Give a login a new random password, shown once; every session of it ends."""
    _may_manage(user, actor)
    password = secrets.token_urlsafe(15)
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        end_sessions(user)
        audit.record(actor=actor, verb="user.reset_password", subject=user, now=now)
    return password


def reset_mfa(user: User, *, actor: User | None, now: datetime) -> None:
    """Remove a login's second factor, after its owner lost it."""
    _may_manage(user, actor)
    with transaction.atomic():
        count, _ = user.authenticator_set.all().delete()  # type: ignore[attr-defined]  # allauth ships no types
        if not count:
            raise UnableToChangeLogin(f"{user} has no second factor")
        end_sessions(user)
        audit.record(actor=actor, verb="user.reset_mfa", subject=user, now=now)
        facts.touched("users", [user.pk], now=now)


def end_sessions(user: User) -> int:
    """Sign a login out everywhere."""
    ended = 0
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
            ended += 1
    return ended


def root_unit(*, now: datetime) -> Unit:
    """The organisation itself; made when the store has none yet."""
    found = Unit.objects.filter(parent=None, is_demo=False).first()
    return found or create_unit(name="Our organisation", parent=None, slug="organisation", actor=None, now=now)


def bootstrap_administrator(email: str, *, password: str | None = None, now: datetime) -> str | None:
    """On a store without logins: make the root unit and the first login; its password, or None when there are logins.

    The first login is administrator and CAISO of the whole organisation, so that whoever installs can also look around.
    """
    with transaction.atomic():
        if User.objects.filter(is_demo=False).exists():
            return None
        root = root_unit(now=now)
        user, password = create_user(email=email, name="Administrator", password=password, actor=None, now=now)
        for role in (AccessRole.ADMINISTRATOR, AccessRole.CAISO):
            grant_role(user, role=role, unit=root, actor=None, now=now)
    return password


def _keep_an_administrator(now: datetime) -> None:
    if not live_administrators(on=now.date()).exists():
        raise UnableToChangeLogin("this is the last administrator: make another one first")


def _may_grant(user: User, unit: Unit, *, actor: User | None) -> None:
    if actor is not None and actor.pk == user.pk:
        raise UnableToChangeLogin("nobody changes their own access")
    _may(actor, "admin", unit, UnableToChangeLogin)


def _may_manage(user: User, actor: User | None) -> None:
    """An administrator of a part of the organisation must not take over a login that reaches beyond that part."""
    if actor is None:
        return
    if actor.pk == user.pk:
        raise UnableToChangeLogin("use your own account page for your own login")
    _may_somewhere(actor, "admin")
    viewer = Viewer(actor)
    for grant in AccessGrant.objects.filter(user=user).select_related("unit"):
        if not viewer.may("admin", grant.unit.path):
            raise UnableToChangeLogin(f"{user} also works outside the part that you administer")


def _may(actor: User | None, permission: str, unit: Unit, refusal: type[DomainError]) -> None:
    if actor is not None and not Viewer(actor).may(permission, unit.path):
        raise refusal(f"you may not do this in {unit}")


def _may_somewhere(actor: User | None, permission: str) -> None:
    if actor is not None and not Viewer(actor).may(permission):
        raise UnableToChangeLogin("you may not manage logins")


def _one_line(text: str, longest: int, refusal: type[DomainError]) -> str:
    line = " ".join(str(text).split())
    if not line or len(line) > longest:
        raise refusal(f"a name has 1 to {longest} characters")
    return line


def _email(text: str, refusal: type[DomainError]) -> str:
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise refusal(f"“{email[:80]}” is not an e-mail address") from None
    return email


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UnableToChangeLogin(" ".join(error.messages)) from None


def _free_slug(model: type[Unit] | type[Person], wanted: str) -> str:
    """A slug that nobody has: the wanted one, else with a number behind it."""
    base = slugify(wanted)[:70] or model.__name__.lower()
    taken = set(model.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    number, slug = 2, base
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
