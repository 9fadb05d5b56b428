"""Tells when a service sends people to sign in at an address that only bears the name of the one that it names otherwise.

It is remembered of each service to which hosts its answers led where they spoke of signing in. An address that holds the name of
such a host, within somebody else's domain, in front of an at sign or in its path, imitates it; hosts of identity providers do not.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import Final

from caiso.connect.telemetry.meaning.lookalikes import owner
from caiso.connect.telemetry.table import EventBatch

PORTAL: Final = "aisoc.flow.portal"  # imitated: the address bears the name of the service's own
_SERVICES: Final = 2_000
_HOSTS: Final = 8  # of a service
_MOST: Final = 16  # addresses of an answer
_NAME_LEAST: Final = 5
_ADDRESS = re.compile(r"(?i)\bhttps?://([^\s)\]}>\"'<,]{4,200})")
_SIGN_IN = re.compile(
    r"(?i)sign[ -]?(?:in|on)|log[ -]?in|\bsso\b|anmeld|einlogg|inlogg|connex|connect|s'identif|iniciar? ses|acced|acceso|accesso|accedi|entrar|zalog|logowan|giriş|oturum|logga in|logg inn|войти|вход|登录|登陆|ログイン|로그인|auth"
)
_PROVIDERS: Final = frozenset((
    "okta.com", "oktapreview.com", "okta-emea.com", "auth0.com", "onelogin.com", "microsoftonline.com", "microsoft.com", "google.com",
    "pingidentity.com", "pingone.com", "pingone.eu", "duosecurity.com", "jumpcloud.com", "myworkday.com", "workday.com", "atlassian.net",
    "sharepoint.com", "service-now.com", "salesforce.com", "force.com", "zendesk.com", "slack.com", "zoom.us", "amazoncognito.com", "awsapps.com",
    "successfactors.eu", "successfactors.com", "personio.de", "bamboohr.com", "adp.com", "github.com", "gitlab.com",
))  # fmt: skip
_TWISTED: Final = str.maketrans("01Ii|", "ollll")


class Portals:
    """Remembers hosts, and says of a batch's answers which of them lead to an imitation."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, list[str]] = OrderedDict()

    def with_portals(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; hardly any batch has it."""
        outputs = events.texts.get("content.output")
        if outputs is None:
            return events
        kinds, services = events.column("event.kind"), events.column("service.name")
        leading = [
            (row, output)
            for row, output in enumerate(outputs)
            if output and "://" in output and kinds[row] == "inference" and _SIGN_IN.search(output)
        ]
        if not leading:
            return events
        times = events.column("time")
        leading.sort(key=lambda one: _moment(times[one[0]]))  # what comes late in a batch may have been said before
        found = {row: "imitated" for row, output in leading if self._seen(str(services[row] or ""), output)}
        return events.adding({PORTAL: [found.get(row) for row in range(len(events))]}) if found else events

    def _seen(self, service: str, output: str) -> bool:
        known = self._hosts.get(service)
        if known is None:
            while len(self._hosts) >= _SERVICES:
                self._hosts.popitem(last=False)
            known = self._hosts[service] = []
        addresses = [*islice(_ADDRESS.findall(output), _MOST)]
        imitated = any(_imitates(address, known) for address in addresses)
        for address in addresses:
            host = _host(address)
            if host and host not in known and len(known) < _HOSTS:
                known.append(host)
        return imitated

    def save(self) -> list[tuple[str, list[str]]]:
        """What is remembered; the service that was met first comes first."""
        return [*self._hosts.items()]

    @classmethod
    def of(cls, saved: Iterable[tuple[str, list[str]]]) -> Portals:
        """Take up what ``save`` gave."""
        portals = cls()
        portals._hosts = OrderedDict((service, [*hosts]) for service, hosts in saved)
        return portals


def _moment(time: object) -> int:
    return time if isinstance(time, int) else 0


def _host(address: str) -> str:
    """The host that an address leads to, whatever stands before an at sign."""
    return re.split(r"[/?#]", address, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].lower()


def _imitates(address: str, known: Iterable[str]) -> bool:
    """Whether an address bears the name of a host of another owner; which of the two came first does not matter."""
    own = owner(_host(address))
    if own in _PROVIDERS:
        return False
    shown = re.split(r"[?#]", address, maxsplit=1)[0].translate(_TWISTED).lower()
    others = {owner(host) for host in known} - {own}
    names = (other.partition(".")[0] for other in others)
    return any(len(name) >= _NAME_LEAST and name.translate(_TWISTED) in shown for name in names)
