"""What security operations add to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable

from django.db.models import Max, Q
from django.urls import reverse

from caiso.web.base import live, navigation, search
from caiso.web.base.access import Viewer
from caiso.web.base.record import Link, LinkGroup, relate
from caiso.web.inventory.models import Asset
from caiso.web.soc import queries
from caiso.web.soc.models import Alert, Incident, Source


def join_frame() -> None:
    """Called once by the app at start-up."""
    navigation.add(
        navigation.Item("Alerts", "alerts_list", "alert-triangle", "AISOC", "soc.view", 10, "a", _new_alerts),
        navigation.Item("Incidents", "incidents_list", "urgent", "AISOC", "soc.view", 20, "i", _open_incidents),
        navigation.Item("Events", "events", "list-search", "AISOC", "soc.view", 30, "e"),
        navigation.Item("Detection rules", "rules_list", "radar", "AISOC", "soc.view", 40, "r", group="Detection"),
        navigation.Item(
            "Technique coverage", "technique_coverage_list", "target", "AISOC", "view", 50, group="Detection"
        ),
        navigation.Item("Telemetry sources", "sources_list", "broadcast", "AISOC", "soc.view", 60, group="Detection"),
    )
    search.register("alerts", "Alerts", _find_alerts, permission="soc.view")
    search.register("incidents", "Incidents", _find_incidents, permission="soc.view")
    search.register("rules", "Detection rules", _find_rules, permission="soc.view")
    live.register(live.Topic("alerts", _newest_alert, "soc.view"))
    live.register(live.Topic("incidents", _newest_incident, "soc.view"))
    live.register(live.Topic("sources", _newest_event, "soc.view"))
    relate("Asset", _links_of_asset)
    relate("Incident", _links_of_incident)


def _new_alerts(viewer: Viewer) -> int:
    return queries.alerts(viewer).filter(state=Alert.State.NEW).order_by().count()


def _open_incidents(viewer: Viewer) -> int:
    return queries.open_incidents(viewer).order_by().count()


def _find_alerts(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    found = Q(title__icontains=text) | Q(technique__iexact=text) | Q(conversation_id=text) | Q(trace_id=text)
    found |= Q(subject_user__icontains=text)
    for alert in queries.alerts(viewer).filter(found).order_by("-last_event_at")[:limit]:
        yield search.Result(alert.title, alert.get_absolute_url(), alert.get_state_display(), "alert-triangle")


def _find_incidents(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    found = Q(title__icontains=text) | Q(reference__iexact=text)
    for incident in queries.incidents(viewer).filter(found)[:limit]:
        yield search.Result(str(incident), incident.get_absolute_url(), incident.get_state_display(), "urgent")


def _find_rules(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for rule in queries.rules().filter(Q(title__icontains=text) | Q(slug__icontains=text))[:limit]:
        yield search.Result(rule.title, reverse("rule_record", args=[rule.pk]), rule.state, "radar")


def _newest_alert(viewer: Viewer | None) -> object:
    rows = queries.alerts(viewer) if viewer else Alert.objects.all()
    found = rows.order_by().aggregate(
        id=Max("pk"), last=Max("last_event_at"), taken=Max("acknowledged_at"), closed=Max("closed_at")
    )
    return tuple(found.values())


def _newest_incident(viewer: Viewer | None) -> object:
    rows = queries.incidents(viewer) if viewer else Incident.objects.all()
    return tuple(
        rows.order_by().aggregate(id=Max("pk"), entry=Max("entries__pk"), clock=Max("clocks__computed_at")).values()
    )


def _newest_event(viewer: Viewer | None) -> object:
    rows = queries.sources(viewer) if viewer else Source.objects.all()
    return tuple(rows.order_by().aggregate(last=Max("last_event_at"), events=Max("events")).values())


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
        Link(one.technique, reverse("coverage_record", args=[one.pk]), "not covered", "warn") for one in gaps[:8]
    )
    yield LinkGroup("Techniques not covered", blind, gaps.count())


def _links_of_incident(incident: Incident, viewer: Viewer) -> Iterable[LinkGroup]:
    alerts = queries.alerts(viewer).filter(incident=incident)
    yield LinkGroup("Alerts", tuple(Link(one.title, one.get_absolute_url(), one.technique) for one in alerts[:8]))
