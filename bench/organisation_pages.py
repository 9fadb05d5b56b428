"""Measures the server time of the organisation's pages with 2,000 people, 150 roles and 400 duties.

Requests go through Django's whole stack (middleware, view, template) in one process, on a database of their own; a
page's first answer after a change computes coverage anew and is told apart. Processor time is told beside the time that
passed, because a busy machine stretches the latter: `python -m bench.organisation_pages`.
"""

import gc
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta

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
    # What preparing left behind is not the pages' to collect.
    gc.collect()
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
        "load",
        "my_duties",
        "scenarios_list",
        "scenario_new",
        "advisor",
        "skills",
        "scorecard",
        "silos",
        "tools_list",
        "duty_new",
        "role_new",
        "need_put",
        "process_new",
        "organisation_import",
        "organisation_table",
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
    past = f"as_of={(datetime.now(UTC) - timedelta(days=400)).date().isoformat()}"
    found["coverage on a day"] = f"{reverse('coverage')}?{past}"
    found["load on a day"] = f"{reverse('load')}?{past}"
    found["UpSet of 12 roles"] = f"{reverse('crossover')}?{'&'.join(f'role=r{number}' for number in range(12))}"
    found["duty needs"] = f"{Duty.objects.all()[0].get_absolute_url()}?tab=needs"
    found["duties of a person"] = reverse("person_duties", args=["p2"])
    found["skills of a person"] = reverse("person_skills", args=["p2"])
    found["person"] = reverse("person", args=["p2"])
    found["people"] = reverse("people_list")
    found["skills of everybody"] = f"{reverse('skills')}?all=yes"
    return found


def _timed(client: Client, address: str) -> tuple[float, float]:
    """Milliseconds that passed, and those of processor time."""
    begun, worked = time.perf_counter(), time.process_time()
    answer = client.get(address)
    passed, busy = time.perf_counter() - begun, time.process_time() - worked
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    return passed * 1000, busy * 1000


def main() -> None:
    """Print first answer, median and 95th percentile of every page as JSON."""
    user = prepare()
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    rows = []
    places = addresses()
    # First answers of all pages come first: they load code and compute what later ones read.
    first = {name: _timed(client, address)[0] for name, address in places.items()}
    for name, address in places.items():
        times, busy = zip(*(_timed(client, address) for _ in range(ROUNDS)), strict=True)
        high, high_busy = (statistics.quantiles(one, n=20)[-1] for one in (times, busy))
        rows.append(
            {
                "page": name,
                "first_ms": round(first[name]),
                "p50_ms": round(statistics.median(times)),
                "p95_ms": round(high),
                "processor_p50_ms": round(statistics.median(busy)),
                "processor_p95_ms": round(high_busy),
                "within_goal": high_busy < GOAL_MS,
            }
        )
    print(json.dumps({"rows": rows, "goal_p95_ms": GOAL_MS}, indent=2))


if __name__ == "__main__":
    main()
