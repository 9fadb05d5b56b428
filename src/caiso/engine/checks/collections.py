"""Names the collections of live records that checks may ask about, with their typed fields.

The engine fixes the names; the app that owns a collection fills it with rows. A field that is not listed here
cannot be asked about, so a typing mistake in a pack is an error with a line and never an empty answer.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from caiso.errors import DomainError


class FieldKind(StrEnum):
    """What a field holds: `words` is a list of texts, `duration` a timedelta, `time` an aware datetime."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    DURATION = "duration"
    WORDS = "words"


class Scope(StrEnum):
    """What a check's answer is about: everything, each business unit, or each AI system."""

    ORGANISATION = "organisation"
    UNIT = "unit"
    AI_SYSTEM = "ai_system"


@dataclass(frozen=True, slots=True)
class CollectionField:
    """One field; `choices` lists its only possible texts where they are fixed. Any field may be empty (None)."""

    name: str
    kind: FieldKind
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection; `scope_keys` says which field holds the key of the unit or AI system, `ref` what names a record."""

    name: str
    title: str
    fields: tuple[CollectionField, ...]
    scope_keys: Mapping[Scope, str]
    ref: str = "id"

    def field(self, name: str) -> CollectionField | None:
        return next((field for field in self.fields if field.name == name), None)

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


class UnableToRegister(DomainError):
    """Two owners claim the same collection."""


class Collections(Mapping[str, CollectionSpec]):
    """The collections that exist; refuses a name twice."""

    def __init__(self, specs: Iterable[CollectionSpec] = ()) -> None:
        self._specs: dict[str, CollectionSpec] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: CollectionSpec) -> None:
        if spec.name in self._specs:
            raise UnableToRegister(f"collection {spec.name} is already defined")
        self._specs[spec.name] = spec

    def __getitem__(self, name: str) -> CollectionSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


SEVERITIES = ("informational", "low", "medium", "high", "critical")
_KINDS = {
    "text": FieldKind.TEXT,
    "int": FieldKind.INTEGER,
    "num": FieldKind.NUMBER,
    "bool": FieldKind.BOOLEAN,
    "time": FieldKind.TIME,
    "age": FieldKind.DURATION,
    "words": FieldKind.WORDS,
}


def _spec(
    name: str, title: str, fields: str, /, *, choices: Mapping[str, tuple[str, ...]] | None = None
) -> CollectionSpec:
    """Build a spec from `name:kind` words; a field `unit` or `ai_system` becomes the key of that scope."""
    fixed = choices or {}
    built = []
    for word in fields.split():
        field, _, kind = word.partition(":")
        built.append(CollectionField(field, _KINDS[kind or "text"], fixed.get(field, ())))
    names = {field.name for field in built}
    keys = {scope: scope.value for scope in (Scope.UNIT, Scope.AI_SYSTEM) if scope.value in names}
    if name == "ai_systems":
        keys[Scope.AI_SYSTEM] = "id"
    return CollectionSpec(name, title, tuple(built), keys)


STANDARD_COLLECTIONS = Collections(
    (
        _spec(
            "ai_systems",
            "AI systems",
            "id name unit lifecycle_stage environment has_accountable_owner:bool accountable_role_state criticality "
            "telemetry_last_seen:time classification",
        ),
        _spec(
            "assets",
            "Assets",
            "id kind unit ai_system state managed:bool owner:bool first_seen_at:time last_seen_at:time",
            choices={"state": ("candidate", "confirmed", "unmanaged", "retired")},
        ),
        _spec(
            "duties",
            "Duties",
            "id unit family ai_security:bool state",
            choices={"state": ("unowned", "contested", "unstaffed", "unqualified", "covered")},
        ),
        _spec(
            "technique_coverage",
            "Techniques against AI systems",
            "id technique unit ai_system has_tested_live_rule:bool fields_arriving:bool covered:bool",
        ),
        _spec(
            "detection_rules",
            "Detection rules",
            "id state tests_pass:bool technique techniques:words last_fired_at:time",
            choices={"state": ("shadow", "canary", "live")},
        ),
        _spec(
            "incident_clocks",
            "Reporting clocks of incidents",
            "id incident unit rule state deadline_at:time met:bool",
            choices={
                "state": ("running", "met", "late", "overdue", "pending", "waiting_for_fact", "not_applicable"),
            },
        ),
        _spec(
            "incidents",
            "Incidents",
            "id unit severity state opened_at:time closed_at:time has_review:bool",
            choices={
                "severity": SEVERITIES,
                "state": (
                    "new", "triage", "investigating", "contained", "eradicated", "recovered", "review", "closed",
                ),
            },
        ),
        _spec(
            "alerts",
            "Alerts",
            "id unit ai_system severity state age:age opened_at:time acknowledged_at:time closed_at:time asset rule "
            "techniques:words",
            choices={"severity": SEVERITIES},
        ),
        _spec("audit_verifications", "Verifications of the audit chain", "id verified_at:time ok:bool records:int"),
        _spec(
            "sources",
            "Telemetry sources",
            "id unit ai_system last_event_at:time content_missing_share:num ready:bool",
        ),
        _spec("scans", "Discovery scans", "id target unit ai_system finished_at:time ok:bool"),
        _spec("backups", "Back-ups", "id made_at:time ok:bool"),
        _spec("users", "Logins", "id unit active:bool privileged:bool has_mfa:bool last_login_at:time"),
        _spec(
            "evidence",
            "Evidence that people collected",
            "id control unit ai_system kind accepted:bool collected_at:time valid_until:time",
        ),
    )
)  # fmt: skip
