"""Whoever may read the data directory: sees the whole installation, and acts in the audit trail as nobody's login."""

from collections.abc import Sequence
from functools import cached_property

from caiso.errors import DomainError
from caiso.web.base.access import GRANTS, Viewer
from caiso.web.base.models import Unit, User


class UnableToFind(DomainError):
    """There is no such thing in the installation."""


class Operator(Viewer):
    """A viewer with every role in every root of the organisation."""

    def __init__(self) -> None:
        super().__init__(User(email="command line", name="Command line"))

    @cached_property
    def grants(self) -> tuple[tuple[str, str], ...]:
        """Every role in every root: the files are in the operator's hands anyway."""
        roots = Unit.objects.filter(parent=None).values_list("path", flat=True)
        return tuple((role, path) for path in roots for role in GRANTS)


def unit_of(slug: str | None) -> Unit:
    """The unit of that slug, or the root of the organisation (of the demo only where there is no other)."""
    if slug is None:
        root = Unit.objects.filter(parent=None).order_by("is_demo", "pk").first()
        if root is None:
            raise UnableToFind("the installation has no organisation yet; start it once with: caiso up")
        return root
    unit = Unit.objects.filter(slug=slug).first()
    if unit is None:
        known = ", ".join(Unit.objects.order_by("path").values_list("slug", flat=True)[:20])
        raise UnableToFind(f'there is no unit "{slug}"; there are: {known}')
    return unit


def user_of(email: str) -> User:
    """The login of that e-mail address."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise UnableToFind(f"there is no login {email}")
    return user


def one_of(word: str, known: Sequence[str], what: str) -> str:
    """The word, if it is one of the known ones."""
    if word not in known:
        raise UnableToFind(f'there is no {what} "{word}"; there are: {", ".join(known)}')
    return word
