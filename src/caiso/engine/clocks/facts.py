"""What is known of an incident when legal deadlines are asked for; unknown is a value of its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from caiso.engine.packs import Doc, Fault, Length, Title, quoted

FACT_NAMES = (
    "occurred",
    "detected",
    "aware",
    "classified",
    "material",
    "causal_link",
    "fix_available",
    "mitigated",
)
_NOTIFIED = re.compile(r"notified\.[a-z0-9]+(?:-[a-z0-9]+)*")

GdprRole = Literal["controller", "processor", "none"]
Nis2Entity = Literal["essential", "important", "none"]
AiActRole = Literal["provider", "deployer", "importer", "distributor", "none"]
AiSystemClass = Literal[
    "prohibited", "high_risk_annex_iii", "high_risk_annex_i", "limited", "minimal", "gpai", "gpai_systemic", "none"
]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Properties of the incident; null or left out means that nobody has determined it yet."""

    personal_data: Annotated[bool | None, Doc("personal data breached (GDPR Art. 4(12))")] = None
    gdpr_role: Annotated[GdprRole | None, Doc("our role for that data")] = None
    risk_to_persons: Annotated[bool | None, Doc("false only when a risk to persons is unlikely (GDPR 33(1))")] = None
    high_risk_to_persons: Annotated[bool | None, Doc("GDPR 34(1)")] = None
    subject_notice_exempt: Annotated[bool | None, Doc("one of the exceptions of GDPR 34(3) holds")] = None
    nis2_entity: Annotated[Nis2Entity | None, Doc("what we are under NIS2")] = None
    significant_nis2: Annotated[bool | None, Doc("significant incident (NIS2 Art. 23(3))")] = None
    dora_entity: Annotated[bool | None, Doc("financial entity under DORA; its reporting takes the place of NIS2's")] = (
        None
    )
    major_dora: Annotated[bool | None, Doc("major ICT-related incident (DORA Art. 18)")] = None
    cra_manufacturer: Annotated[bool | None, Doc("manufacturer of the product with digital elements (CRA)")] = None
    exploited_vulnerability: Annotated[bool | None, Doc("actively exploited vulnerability in it (CRA 14(1))")] = None
    severe_incident_cra: Annotated[bool | None, Doc("severe incident for the security of it (CRA 14(3))")] = None
    ai_act_role: Annotated[AiActRole | None, Doc("our role for the AI system")] = None
    ai_system_class: Annotated[AiSystemClass | None, Doc("class of the AI system under the EU AI Act")] = None
    serious_incident: Annotated[bool | None, Doc("serious incident (EU AI Act Art. 3(49))")] = None
    death: Annotated[bool | None, Doc("a person died, or that is suspected")] = None
    widespread: Annotated[bool | None, Doc("widespread infringement (EU AI Act Art. 73(3))")] = None
    critical_infrastructure: Annotated[bool | None, Doc("serious and irreversible disruption of it")] = None
    jurisdictions: Annotated[
        tuple[Annotated[str, Length(2, 10)], ...] | None, Doc("EU, or two-letter codes of the countries concerned")
    ] = None


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """Timestamped facts, each a determination by a named person elsewhere; keys are the fact's name.

    Names: occurred, detected, aware, classified, material, causal_link, fix_available, mitigated and
    `notified.<rule id>`.
    """

    facts: dict[str, datetime]
    attributes: Attributes = field(default_factory=Attributes)
    incident: Title | None = None
    time_zone: Annotated[str, Doc("IANA name of the place where the report is made, such as Europe/Berlin")] = "UTC"
    holidays: Annotated[tuple[date, ...], Doc("public holidays at that place, by which days are counted")] = ()

    def at(self, name: str, *, as_of: datetime) -> datetime | None:
        """When a fact happened, if that was known by `as_of`."""
        moment = self.facts.get(name)
        return moment if moment is not None and moment <= as_of else None

    def faults(self) -> Iterator[Fault]:
        for name in self.facts:
            if name not in FACT_NAMES and not _NOTIFIED.fullmatch(name):
                known = ", ".join((*FACT_NAMES, "notified.<rule id>"))
                yield Fault(("facts", name), f"fact {quoted(name)} is wrong, expected one of {known}")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield Fault(("time_zone",), f"time zone {quoted(self.time_zone)} is not known, expected an IANA name")
