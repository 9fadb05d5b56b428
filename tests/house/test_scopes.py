"""Every table says where its rows belong: to a unit, to a row that has one, or to the whole installation with a reason."""

from django.apps import apps
from django.db.models import ForeignKey, Model

# model -> the foreign key whose row says the unit
PART_OF = {
    "base.Unit": "parent",
    "compliance.CheckOutcome": "assessment",
    "compliance.ControlStateChange": "assessment",
    "inventory.AssetAlias": "asset",
    "inventory.Observation": "asset",
    "inventory.Relation": "source",
    "organisation.Assignment": "scope_unit",
    "organisation.AuthorityRecord": "role",
    "organisation.Delegate": "person",
    "organisation.Holding": "person",
    "organisation.ScorecardEvidence": "person",
    "organisation.Skill": "person",
    "organisation.WorkingTime": "person",
    "soc.IncidentClock": "incident",
    "soc.IncidentEntry": "incident",
    "soc.IncidentFact": "incident",
    "soc.RiskAddition": "entity",
}

# model -> whose login alone sees the row
OWN = {
    "base.Notification": "user",
    "base.RememberedAnswer": "user",
    "base.SavedView": "owner",
    "soc.HuntRun": "requested_by",
}

WHOLE_INSTALLATION = {
    "base.AuditSeal": "the head of the one audit chain",
    "base.AuditVerification": "a verification walks the whole chain",
    "base.Backup": "a back-up holds everything",
    "base.FactTouch": "names scopes by key; read by the worker only",
    "base.Heartbeat": "processes of the installation",
    "base.Lease": "processes of the installation",
    "base.Schedule": "processes of the installation",
    "base.Setting": "values of the whole installation",
    "base.User": "a login; its grants have the units, and queries.logins_in_sight hides the others",
    "compliance.Control": "a control's text is the same everywhere; its assessments have the unit",
    "compliance.ControlLink": "content of a pack",
    "compliance.Framework": "content of a pack",
    "compliance.Requirement": "content of a pack",
    "organisation.CarriedRecord": "rules and needs of the whole organisation, from an imported file",
    "organisation.Competence": "content of a pack",
    "organisation.CoverageSnapshot": "counts over the whole organisation",
    "organisation.DutyCoverage": "roles and duties are those of the whole organisation",
    "organisation.ReportingLine": "between roles of the whole organisation",
    "soc.DetectionRule": "content of a pack; what it finds has the unit",
    "soc.DrillResult": "rules are the same everywhere; what arrives from which system is TechniqueCoverage, which has a unit",
    "soc.DrillRun": "as its results",
    "soc.RetroHunt": "what a rule would have cost everybody; the events behind it are filtered by who looks",
    "soc.RuleReview": "about a rule that runs on everybody's telemetry",
    "soc.RuleVersion": "as its rule",
    "soc.UserRule": "runs on everybody's telemetry, like a rule of a pack",
    "soc.EventPart": "a file of the event store; pages filter its events by feed",
    "soc.WalOffset": "a place in the event log",
}


def ours() -> dict[str, type[Model]]:
    return {model._meta.label: model for model in apps.get_models() if model.__module__.startswith("caiso.")}


def has_unit(model: type[Model]) -> bool:
    return any(isinstance(field, ForeignKey) and field.name == "unit" for field in model._meta.fields)


def test_every_model_belongs_to_a_unit_or_is_declared() -> None:
    undeclared = [
        label
        for label, model in ours().items()
        if not has_unit(model) and label not in PART_OF | OWN | WHOLE_INSTALLATION
    ]
    assert undeclared == [], "give the model a `unit`, or declare here where its rows belong and why"


def test_declared_models_exist_and_need_the_declaration() -> None:
    declared = PART_OF | OWN | WHOLE_INSTALLATION
    assert len(declared) == len(PART_OF) + len(OWN) + len(WHOLE_INSTALLATION), "a model is declared twice"
    models = ours()
    assert sorted(set(declared) - set(models)) == []
    assert [label for label in declared if has_unit(models[label])] == []


def test_part_leads_to_a_row_that_has_a_unit() -> None:
    models = ours()
    for label, key in PART_OF.items():
        field = models[label]._meta.get_field(key)
        assert isinstance(field, ForeignKey), label
        target = field.related_model
        assert has_unit(target) or target._meta.label in (*PART_OF, "base.Unit"), label


def test_own_rows_name_their_login() -> None:
    models = ours()
    for label, key in OWN.items():
        assert models[label]._meta.get_field(key).related_model._meta.label == "base.User", label
