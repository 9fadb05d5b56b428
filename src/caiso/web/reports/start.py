"""How far the organisation has come with its first steps, read from live data."""

from dataclasses import dataclass, replace
from importlib.util import find_spec

from django.urls import reverse

from caiso.web.base.access import Viewer, visible
from caiso.web.base.guard import opens
from caiso.web.base.models import Job, Setting, Unit
from caiso.web.base.queries import setting
from caiso.web.compliance.models import ControlAssessment
from caiso.web.inventory.models import Asset, AssetKind, Scan
from caiso.web.organisation.models import Holding, Role
from caiso.web.organisation.queries import PROFILE_SETTING
from caiso.web.reports.services.start import CHOICE_SETTING, LOAD_DEMO, REMOVE_DEMO
from caiso.web.soc.models import Source


@dataclass(frozen=True)
class Step:
    """One step of the guide: whether it is done, the figures that say so, and where to go on, if that opens to the viewer."""

    key: str
    title: str
    text: str
    is_done: bool
    state: str
    url: str = ""
    action: str = ""
    icon: str = "arrow-right"


def steps(viewer: Viewer) -> list[Step]:
    """The five steps, each judged by what the viewer may see; what belongs to the demo does not count."""
    found = [_profile(), _roles(viewer), _scan(viewer), _source(viewer), _report(viewer)]
    return [step if opens(viewer, step.url) else replace(step, url="", action="") for step in found]


def demo_exists() -> bool:
    """Whether demo data is in the store."""
    return Unit.objects.filter(is_demo=True).exists()


def demo_ships() -> bool:
    """Whether this installation can load the demo."""
    return find_spec("caiso.web.reports.services.demo.load") is not None


def demo_leaves() -> bool:
    """Whether the removal of the demo is under way."""
    return Job.objects.filter(kind=REMOVE_DEMO, state__in=[Job.State.WAITING, Job.State.RUNNING]).exists()


def demo_arrives() -> Job | None:
    """The loading of the demo, while it is under way."""
    return Job.objects.filter(kind=LOAD_DEMO, state__in=[Job.State.WAITING, Job.State.RUNNING]).first()


def demo_failed() -> str:
    """Why the last loading of the demo failed; empty when it did not."""
    last = Job.objects.filter(kind=LOAD_DEMO).order_by("-pk").first()
    return last.error if last is not None and last.state == Job.State.FAILED else ""


def asks_first(viewer: Viewer) -> bool:
    """Whether the first screen still has to ask this person: the demo, or start empty."""
    if viewer.user.is_demo or not viewer.may("admin"):
        return False
    return demo_exists() and setting(CHOICE_SETTING) is None


def root_unit() -> Unit | None:
    """The organisation itself."""
    return Unit.objects.filter(parent=None, is_demo=False).first()


def _profile() -> Step:
    is_kept = Setting.objects.filter(pk=PROFILE_SETTING).exists()
    return Step(
        "profile",
        "Say who you are",
        "Size, sector and regulation decide which reporting lines and duties are advised.",
        is_kept,
        "kept" if is_kept else "not yet",
        reverse("start_profile"),
        "Change the profile" if is_kept else "Fill in the profile",
        "building",
    )


def _roles(viewer: Viewer) -> Step:
    roles = visible(Role.objects.filter(is_template=False), viewer)
    total = roles.order_by().count()
    real = Holding.objects.filter(person__is_demo=False, role__in=roles)
    held = real.order_by().values("role").distinct().count()
    return Step(
        "roles",
        "Appoint people to roles",
        "Every duty is owned through a role. A vacant role shows as a gap, not as an assumption.",
        held > 0,
        f"{held} of {total} roles are held",
        reverse("roles_list"),
        "Open the roles",
        "users",
    )


def _scan(viewer: Viewer) -> Step:
    scans = visible(Scan.objects.filter(ok=True, is_demo=False), viewer).order_by().count()
    found = visible(Asset.objects.filter(is_demo=False), viewer).order_by().count()
    systems = visible(Asset.objects.filter(is_demo=False, kind=AssetKind.AI_SYSTEM), viewer).order_by().count()
    done = f"{scans} {'scan' if scans == 1 else 'scans'}, {found} assets, {systems} AI systems"
    return Step(
        "scan",
        "Scan a repository",
        "Models, agents, tools, packages and keys in use, each with file and line. Nothing that is scanned is executed.",
        scans > 0,
        done if scans else "no scan yet",
        reverse("scans_new"),
        "New scan",
        "radar",
    )


def _source(viewer: Viewer) -> Step:
    sources = visible(Source.objects.filter(is_demo=False), viewer)
    newest = sources.exclude(last_event_at=None).order_by("-last_event_at").first()
    return Step(
        "source",
        "Connect a source of telemetry",
        "Point the OpenTelemetry exporter of one AI app here; detection starts with its first event.",
        newest is not None,
        f"{newest.events:,} events from {newest.name}" if newest else "nothing arrives yet",
        reverse("start_source"),
        "Make another key" if newest else "Make a key",
        "broadcast",
    )


def _report(viewer: Viewer) -> Step:
    rows = visible(ControlAssessment.objects.filter(unit__is_demo=False), viewer).order_by()
    total, judged = rows.count(), rows.exclude(state="unknown").count()
    ready = judged > 0 and visible(Asset.objects.filter(is_demo=False), viewer).exists()
    return Step(
        "report",
        "Read the first report",
        "The posture page tells what burns, waits and is due; every figure opens to its records.",
        ready,
        f"{judged} of {total} controls are judged from live records",
        f"{reverse('home')}?stay=1",
        "Open the posture page",
        "gauge",
    )
