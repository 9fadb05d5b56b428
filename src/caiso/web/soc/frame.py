"""What security operations add to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable

from django.db.models import Max, Q
from django.urls import reverse
from django.utils import timezone

from caiso.web.base import live, navigation, search
from caiso.web.base.access import Viewer, visible
from caiso.web.base.queries import newest_of
from caiso.web.base.record import Link, LinkGroup, relate
from caiso.web.base.textindex import anywhere
from caiso.web.inventory.models import Asset
from caiso.web.soc import queries
from caiso.web.soc.foresight import risk_now
from caiso.web.soc.models import Alert, DrillRun, HuntRun, Incident, IncidentClock, IncidentEntry, RetroHunt, Source
from caiso.web.soc.presentation import technique_words


def join_frame() -> None:
    """Called once by the app at start-up."""
    navigation.add(
        navigation.Item(
            "Alerts", "alerts_list", "alert-triangle", "AISOC", "soc.view", 10, "a", queries.new_alert_count
        ),
        navigation.Item(
            "Incidents", "incidents_list", "urgent", "AISOC", "soc.view", 20, "i", queries.open_incident_count
        ),
        navigation.Item("Entity risk", "entities_list", "user-exclamation", "AISOC", "soc.view", 45, group="Detection"),
        navigation.Item("Events", "events", "list-search", "AISOC", "soc.view", 30, "e", group="Events"),
        navigation.Item("Hunt", "hunt", "zoom-question", "AISOC", "soc.view", 35, "u", group="Events"),
        navigation.Item("Detection rules", "rules_list", "radar", "AISOC", "soc.view", 40, "r", group="Detection"),
        navigation.Item(
            "Rule workbench", "workbench", "adjustments", "AISOC", "soc.view", 45, "", _open_reviews, group="Detection"
        ),
        navigation.Item(
            "Technique coverage", "technique_coverage_list", "target", "AISOC", "view", 50, group="Detection"
        ),
        navigation.Item("Drills", "drill_board", "flame", "AISOC", "soc.view", 55, group="Detection"),
        navigation.Item("Telemetry sources", "sources_list", "broadcast", "AISOC", "soc.view", 60, group="Detection"),
    )
    search.register("alerts", "Alerts", _find_alerts, permission="soc.view")
    search.register("incidents", "Incidents", _find_incidents, permission="soc.view")
    search.register("entities", "Entity risk", _find_entities, permission="soc.view")
    search.register("rules", "Detection rules", _find_rules, permission="soc.view")
    live.register(live.Topic("alerts", _newest_alert, "soc.view"))
    live.register(live.Topic("incidents", _newest_incident, "soc.view"))
    live.register(live.Topic("sources", _newest_event, "soc.view"))
    live.register(live.Topic("drills", _newest_drill, "soc.view"))
    live.register(live.Topic("retro_hunts", _newest_retro_hunt, "soc.view"))
    live.register(live.Topic("hunts", _newest_hunt, "soc.view"))
    relate("Asset", _links_of_asset)
    relate("Incident", _links_of_incident)
    relate("Alert", _links_of_alert)


def _find_alerts(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    rows = visible(Alert.objects.filter(anywhere(Alert, (), text)), viewer, "soc.view")
    for alert in rows.order_by("-last_event_at")[:limit]:
        yield search.Result(alert.title, alert.get_absolute_url(), alert.get_state_display(), "alert-triangle")


def _find_incidents(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    found = Q(title__icontains=text) | Q(reference__iexact=text)
    for incident in queries.incidents(viewer).filter(found)[:limit]:
        yield search.Result(str(incident), incident.get_absolute_url(), incident.get_state_display(), "urgent")


def _find_rules(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for rule in queries.rules().filter(Q(title__icontains=text) | Q(slug__icontains=text))[:limit]:
        yield search.Result(rule.title, reverse("rule_record", args=[rule.pk]), rule.state, "radar")


def _newest_alert(viewer: Viewer | None) -> object:
    rows = visible(Alert.objects.all(), viewer, "soc.view") if viewer else Alert.objects.all()
    # Each read off the end of an index: an aggregate over all alerts, each second, would cost more than the pages.
    newest = rows.order_by("-pk").values_list("pk", flat=True).first()
    last = rows.order_by("-last_event_at").values_list("last_event_at", flat=True).first()
    return newest, last, newest_of("Alert", viewer, "soc.view")


def _newest_incident(viewer: Viewer | None) -> object:
    entries, clocks = IncidentEntry.objects.all(), IncidentClock.objects.all()
    if viewer:
        entries = visible(entries, viewer, "soc.view", lookup="incident__unit__path")
        clocks = visible(clocks, viewer, "soc.view", lookup="incident__unit__path")
    entry = entries.order_by("-pk").values_list("pk", flat=True).first()
    return entry, clocks.aggregate(at=Max("computed_at"))["at"], newest_of("Incident", viewer, "soc.view")


def _newest_event(viewer: Viewer | None) -> object:
    rows = queries.sources(viewer) if viewer else Source.objects.all()
    return tuple(rows.order_by().aggregate(last=Max("last_event_at"), events=Max("events")).values())


def _newest_drill(viewer: Viewer | None) -> object:
    newest = DrillRun.objects.select_related("job").first()
    if newest is None:
        return None
    job = newest.job
    return (newest.pk, newest.finished_at, job.state, job.progress) if job else (newest.pk, newest.finished_at)


def _newest_retro_hunt(viewer: Viewer | None) -> object:
    rows = RetroHunt.objects.order_by("-pk").values_list("pk", "finished_at", "job__state", "job__progress")
    return tuple(rows[:5])


def _newest_hunt(viewer: Viewer | None) -> object:
    rows = queries.hunt_runs(viewer) if viewer else HuntRun.objects.order_by("-pk")
    return tuple(rows.values_list("pk", "finished_at", "job__state", "job__progress")[:5])


def _open_reviews(viewer: Viewer) -> int:
    """Wishes that this login could decide."""
    if not viewer.may("soc.rules"):
        return 0
    waiting = queries.rule_reviews().filter(decision="open").exclude(requested_by=viewer.user)
    return waiting.exclude(version__author=viewer.user).order_by().count() if viewer.user.pk else waiting.count()


def _links_of_asset(asset: Asset, viewer: Viewer) -> Iterable[LinkGroup]:
    if not viewer.may("soc.view"):
        return
    alerts = queries.open_alerts(viewer).filter(asset=asset)
    shown = tuple(Link(one.title, one.get_absolute_url(), one.get_severity_display(), "bad") for one in alerts[:8])
    yield LinkGroup("Open alerts", shown, alerts.order_by().count())
    incidents = queries.incidents(viewer).filter(asset=asset)
    yield LinkGroup(
        "Incidents", tuple(Link(str(one), one.get_absolute_url(), one.get_state_display()) for one in incidents[:8])
    )
    gaps = queries.technique_coverage(viewer).filter(asset=asset, covered=False)
    blind = tuple(
        Link(technique_words(one.technique), reverse("coverage_record", args=[one.pk]), "", "warn") for one in gaps[:8]
    )
    yield LinkGroup("Techniques not covered", blind, gaps.count())


def _links_of_alert(alert: Alert, viewer: Viewer) -> Iterable[LinkGroup]:
    now, half_life = timezone.now(), queries.risk_settings().half_life_hours
    named = tuple(
        Link(
            one.value, one.get_absolute_url(), f"{one.get_kind_display()}, risk {risk_now(one, half_life, now=now):.0f}"
        )
        for one in queries.entities_of(viewer, alert)
    )
    yield LinkGroup("Entity risk", named)


def _find_entities(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for one in queries.entities(viewer).filter(value__icontains=text)[:limit]:
        yield search.Result(one.value, one.get_absolute_url(), one.get_kind_display(), "user-exclamation")


def _links_of_incident(incident: Incident, viewer: Viewer) -> Iterable[LinkGroup]:
    alerts = queries.alerts(viewer).filter(incident=incident)
    yield LinkGroup("Alerts", tuple(Link(one.title, one.get_absolute_url(), one.technique) for one in alerts[:8]))
