"""The page of one asset: what it is, what proves it, what it is related to, who answers, and what can be done."""

from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.inventory import queries
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Observation, ObservationSource
from caiso.web.inventory.registers import ACTIVITIES, ASSETS, LEVEL_TONES, STATE_TONES, SYSTEMS
from caiso.web.inventory.services.scans import GONE
from caiso.web.organisation.routing import role_words

MANY = 3


@page("view")
@require_GET
def asset_record(request: PageRequest, pk: int) -> HttpResponse:
    """Facts beside, proofs and relations in tabs, and why its state is what it is."""
    asset = queries.asset_or_404(request.viewer, pk)
    proofs = list(queries.observations(asset, request.viewer)[: queries.SHOWN_PROOFS + 1])
    edges, hidden = queries.edges(asset, request.viewer)
    is_system = asset.kind == AssetKind.AI_SYSTEM
    register = SYSTEMS if is_system else ASSETS
    may_edit = request.viewer.may("inventory.edit", asset.unit.path)
    extra: dict[str, object] = {
        "asset": asset,
        "proofs": proofs[: queries.SHOWN_PROOFS],
        "has_more_proofs": len(proofs) > queries.SHOWN_PROOFS,
        "edges": edges,
        "hidden_edges": hidden,
        "may_edit": may_edit,
        "aliases": list(asset.aliases.all()[:50]),
        "twins": queries.twins(asset, request.viewer) if may_edit else [],
    }
    tabs = [
        Tab("evidence", "Evidence", "inventory/asset_evidence.html", count=len(extra["proofs"])),  # type: ignore[arg-type]
        Tab("relations", "Relations", "inventory/asset_relations.html", count=len(edges)),
        Tab("telemetry", "Telemetry", "inventory/asset_telemetry.html"),
    ]
    if is_system:
        groups, count = queries.parts(asset, request.viewer)
        extra["part_total"] = count
        extra["part_groups"] = _tree(asset, groups)
        tabs.insert(0, Tab("parts", "Parts", "inventory/asset_parts.html", count=count))
    extra["traffic"] = [proof for proof in proofs if proof.source == ObservationSource.TRAFFIC]
    shown = Page(
        record=asset,
        title=asset.name,
        crumbs=((register.many, register.address()),),
        lead=asset.purpose,
        badges=_badges(asset),
        facts=_facts(asset),
        tabs=tabs,
        why=_why(asset, proofs),
        deeds=_deeds(asset) if may_edit else (),
        edit_url=register.address("edit", asset.pk) if may_edit else "",
        live="assets",
        extra=extra,
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def _tree(system: Asset, groups: Sequence[tuple[str, list[Asset]]]) -> list[dict[str, object]]:
    """Each kind with its parts, and below a part what it is related to among the others."""
    below = queries.part_edges(system, [asset for _, assets in groups for asset in assets])
    return [
        {
            "kind": kind,
            "parts": [
                {
                    "asset": part,
                    "tone": "bad" if part.is_lost else STATE_TONES[part.state],
                    "edges": below.get(part.pk, [])[:12],
                }
                for part in parts
            ],
        }
        for kind, parts in groups
    ]


def _badges(asset: Asset) -> list[Badge]:
    badges = [
        Badge(asset.get_kind_display(), "info"),
        Badge(asset.get_state_display(), STATE_TONES[asset.state]),
    ]
    if asset.is_lost:
        badges.append(Badge("Lost", "bad"))
    if asset.owner_role and asset.owner is None and not getattr(asset, "role_holder", None):
        badges.append(Badge("Owner role vacant", "bad"))
    if asset.activity != "active":
        badges.append(Badge(dict(ACTIVITIES).get(asset.activity, asset.activity), "neutral"))
    return badges


def _facts(asset: Asset) -> list[Fact]:
    owner = Fact("Owner", asset.owner or "nobody by name")
    if asset.owner is not None:
        owner = Fact("Owner", asset.owner, reverse("person", args=[asset.owner.slug]))
    facts = [
        owner,
        Fact("Answers by role", role_words(asset.owner_role, on=timezone.now().date())),
        Fact("Unit", asset.unit),
        Fact("AI system", asset.system or "none", asset.system.get_absolute_url() if asset.system else ""),
        _level("Criticality", asset.criticality, asset.get_criticality_display()),
        _level("Exposure", asset.exposure, asset.get_exposure_display()),
        Fact("Stage", asset.get_lifecycle_stage_display() or "not set"),
        Fact("Environment", asset.environment or "not set"),
        Fact("Data", ", ".join(asset.data_classes)),
        Fact("First seen", asset.first_seen_at, kind="moment"),
        Fact("Last seen", asset.last_seen_at, kind="moment"),
        Fact("Identity", asset.identity),
    ]
    dropped = {"AI system"} if asset.kind == AssetKind.AI_SYSTEM else set()
    return [fact for fact in facts if fact.label not in dropped and fact.value != ""]


def _level(label: str, value: str, shown: str) -> Fact:
    return Fact(label, shown, kind="tone", tone=LEVEL_TONES.get(value, "unknown"))


def _why(asset: Asset, proofs: Sequence[Observation]) -> Why:
    """The state in words: who decided, or which finding stands behind it."""
    live = [proof for proof in proofs if proof.status != GONE]
    reason = _reason(asset, live)
    records = tuple(
        dict.fromkeys(
            Link(str(proof.scan), proof.scan.get_absolute_url(), proof.get_source_display())
            for proof in proofs
            if proof.scan is not None
        )
    )[:MANY]
    return Why(reason, records, asset.last_seen_at, open=asset.state != AssetState.CONFIRMED or asset.is_lost)


def _reason(asset: Asset, live: Sequence[Observation]) -> str:
    by_traffic = any(proof.source == ObservationSource.TRAFFIC for proof in live)
    if asset.state == AssetState.UNMANAGED:
        start = "Unmanaged: it was first seen in traffic, and nobody has taken it on."
    elif asset.state == AssetState.CANDIDATE:
        start = "Candidate: a scan found it, and nobody has confirmed it yet."
    elif asset.state == AssetState.RETIRED:
        start = "Retired by a person."
        if live and not asset.is_lost:
            start += " It is still found, so look whether it really is out of use."
    else:
        start = "Confirmed by a person."
    if asset.is_lost:
        return f"{start} Lost: the last scan of every place that once proved it no longer finds it."
    if not live:
        return f"{start} Nothing proves it at present."
    places = len({proof.place for proof in live})
    also = ", traffic among them" if by_traffic and places > 1 else ""
    return f"{start} {len(live)} {'proof' if len(live) == 1 else 'proofs'} from {places} {'place' if places == 1 else 'places'}{also}."


def _deeds(asset: Asset) -> list[Deed]:
    deeds = []
    if asset.state == AssetState.UNMANAGED:
        deeds.append(Deed("Take on", reverse("asset_take_on", args=[asset.pk]), "hand-stop", tone="primary"))
    elif asset.state in {AssetState.CANDIDATE, AssetState.RETIRED}:
        label = "Confirm" if asset.state == AssetState.CANDIDATE else "Use again"
        deeds.append(Deed(label, reverse("asset_confirm", args=[asset.pk]), "circle-check", posts=True, tone="primary"))
    if asset.kind != AssetKind.AI_SYSTEM:
        deeds.append(Deed("Assign", reverse("asset_assign", args=[asset.pk]), "layout-dashboard"))
    deeds.append(Deed("Merge", reverse("asset_merge", args=[asset.pk]), "copy"))
    if asset.state != AssetState.RETIRED:
        text = "It stays on record with everything that proves it, and no longer counts as in use."
        deeds.append(Deed("Retire", reverse("asset_retire", args=[asset.pk]), "inbox", posts=True, confirm=text))
    return deeds
