"""Measures the server time of the organisation's pages with 2,000 people, 150 roles and 400 duties.

Requests go through Django's whole stack (middleware, view, template) in one process, on a database of their own; a
page's first answer after a change computes coverage anew and is told apart. Processor time is told beside the time that
passed, because a busy machine stretches the latter: `python -m bench.organisation_pages`.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime

os.environ["CAISO_DATA"] = tempfile.mkdtemp(prefix="caiso-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

import django

django.setup()

from bench.organisation import large_organisation  # noqa: E402 - models load after the setup
from django.core.management import call_command  # noqa: E402 - models load after the setup
from django.test import Client  # noqa: E402 - models load after the setup
from django.urls import reverse  # noqa: E402 - models load after the setup

from caiso.web.base.models import AccessGrant, Person, Unit, User  # noqa: E402 - models load after the setup
from caiso.web.organisation.models import Duty, Role, Scenario  # noqa: E402 - models load after the setup
from caiso.web.organisation.services.catalogue import take_organisation  # noqa: E402 - models load after the setup
from caiso.web.organisation.services.scenarios import start_scenario  # noqa: E402 - models load after the setup

ROUNDS = 25
GOAL_MS = 150


def prepare() -> User:
    """The large organisation, with an officer over the whole and two scenarios."""
    call_command("migrate", verbosity=0)
    now = datetime.now(UTC)
    root = Unit.objects.create(slug="root", name="Root", path="?")
    root.path = f"/{root.pk}/"
    root.save()
    user = User.objects.create_user("officer@example.org", "correct horse battery staple", name="Officer")
    AccessGrant.objects.create(user=user, role="caiso", unit=root, granted_at=now)
    begun = time.perf_counter()
    large = large_organisation()
    take_organisation(large, root=root, actor=user, now=now)
    print(f"first taking in: {time.perf_counter() - begun:.2f} s", file=sys.stderr)
    begun = time.perf_counter()
    take_organisation(large, root=root, actor=user, now=now)
    print(f"taking in the same again: {time.perf_counter() - begun:.2f} s", file=sys.stderr)
    Person.objects.filter(slug="p1").update(user=user)
    for template in ("add-caiso", "extend-ciso"):
        start_scenario(name=template, template=template, unit=root, actor=user, now=now)
    return user


def addresses() -> dict[str, str]:
    """The pages of the organisation."""
    names = (
        "coverage",
        "duties_list",
        "roles_list",
        "organisation_chart",
        "crossover",
        "deficiencies",
        "my_duties",
        "scenarios_list",
        "scenario_new",
        "advisor",
        "skills",
        "scorecard",
        "silos",
        "tools_list",
    )
    found = {name: reverse(name) for name in names}
    rows = list(Scenario.objects.order_by("pk"))
    found["scenario"] = rows[0].get_absolute_url()
    found["scenario load"] = f"{rows[0].get_absolute_url()}?tab=load"
    found["scenario change"] = f"{reverse('scenario_change', args=[rows[0].pk])}?op=delegate"
    found["scenario compare"] = f"{reverse('scenario_compare')}?scenario={rows[0].pk}&scenario={rows[1].pk}"
    found["duty"] = Duty.objects.all()[0].get_absolute_url()
    found["role"] = Role.objects.get(slug="r1").get_absolute_url()
    found["authority"] = reverse("role_authority", args=[Role.objects.get(slug="r1").pk])
    found["skills of everybody"] = f"{reverse('skills')}?all=yes"
    return found


def main() -> None:
    """Print first answer, median and 95th percentile of every page as JSON."""
    user = prepare()
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    rows = []
    for name, address in addresses().items():
        times, busy = [], []
        for _ in range(ROUNDS + 1):
            begun, worked = time.perf_counter(), time.process_time()
            answer = client.get(address)
            times.append((time.perf_counter() - begun) * 1000)
            busy.append((time.process_time() - worked) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
        high, high_busy = (statistics.quantiles(one[1:], n=20)[-1] for one in (times, busy))
        rows.append(
            {
                "page": name,
                "first_ms": round(times[0]),
                "p50_ms": round(statistics.median(times[1:])),
                "p95_ms": round(high),
                "processor_p50_ms": round(statistics.median(busy[1:])),
                "processor_p95_ms": round(high_busy),
                "within_goal": high_busy < GOAL_MS,
            }
        )
    print(json.dumps({"rows": rows, "goal_p95_ms": GOAL_MS}, indent=2))


if __name__ == "__main__":
    main()
