"""Who and what is in the demo organisation; all names are made up."""

from dataclasses import dataclass

from caiso.web.base.models import AccessRole

UNITS = (
    ("meridian", "Meridian Insurance (demo)"),
    ("meridian-claims", "Claims"),
    ("meridian-care", "Customer care"),
    ("meridian-people", "People"),
)
ROOT, CLAIMS, CARE, PEOPLE = (slug for slug, _ in UNITS)


@dataclass(frozen=True)
class Member:
    """A person, the organisation role held from so many days ago, and what their login may do."""

    slug: str
    name: str
    unit: str
    role: str = ""
    since_days: int = 0
    access: AccessRole | None = None

    @property
    def email(self) -> str:
        return f"{self.slug}@meridian.example"

    @property
    def person(self) -> str:
        """The slug of the person."""
        return self.slug.replace(".", "-")


CAISO = Member("lena.fischer", "Lena Fischer", ROOT, "caiso", 20, AccessRole.CAISO)
LEAD = Member("amara.osei", "Amara Osei", ROOT, access=AccessRole.AISOC_LEAD)
ANALYST = Member("ines.duarte", "Ines Duarte", ROOT, access=AccessRole.ANALYST)
OWNER = Member("sofia.alvarez", "Sofia Alvarez", CLAIMS, access=AccessRole.MODEL_OWNER)
CISO = Member("priya.nair", "Priya Nair", ROOT, "ciso", 700, AccessRole.CISO)
CAIO = Member("noah.kim", "Noah Kim", ROOT, "caio", 400, AccessRole.CAIO)
CTO = Member("tomas.novak", "Tomas Novak", ROOT, "cto", 1200, AccessRole.CTO)
ENGINEER = Member("kenji.mori", "Kenji Mori", ROOT, access=AccessRole.DETECTION_ENGINEER)
RED_TEAM = Member("rafael.costa", "Rafael Costa", ROOT, access=AccessRole.RED_TEAM)
SOC_LEAD = Member("david.okoro", "David Okoro", ROOT, "soc-lead", 900)
HR = Member("yuki.tanaka", "Yuki Tanaka", PEOPLE, access=AccessRole.HUMAN_RESOURCES)
RISK = Member("beatriz.santos", "Beatriz Santos", ROOT, "cro", 300)
CAST = (
    CAISO,
    LEAD,
    ANALYST,
    OWNER,
    CISO,
    CAIO,
    CTO,
    ENGINEER,
    RED_TEAM,
    Member("ruth.adeyemi", "Ruth Adeyemi", ROOT, "internal-audit", 600, AccessRole.AUDITOR),
    Member("ingrid.solberg", "Ingrid Solberg", ROOT, "board", 1500, AccessRole.BOARD_MEMBER),
    Member("harald.lindgren", "Harald Lindgren", ROOT, "ceo", 1400),
    SOC_LEAD,
    RISK,
    Member("oliver.grant", "Oliver Grant", ROOT, "legal", 1100),
    Member("mei.chen", "Mei Chen", ROOT, "privacy", 500),
    Member("elif.kaya", "Elif Kaya", ROOT, "ai-engineering", 350),
    Member("marc.keller", "Marc Keller", CARE, "business-unit", 800),
    HR,
)
# What was attested of some of them, by competence; the rest is unknown, as it is everywhere at first.
ATTESTED: dict[str, dict[str, int]] = {
    CAISO.person: {
        "ai-security": 4, "ai-assurance": 3, "ai-technology": 3, "security-engineering": 4, "threat-modelling": 4,
        "incident-response": 3, "governance-law": 3, "risk": 4, "leadership": 4, "communication": 4,
    },
    CISO.person: {"security-engineering": 4, "security-operations": 4, "incident-response": 4, "ai-security": 1},
    CAIO.person: {"ai-technology": 4, "ai-development": 4, "governance-law": 3, "security-engineering": 1, "ai-security": 1},
    CTO.person: {"architecture": 4, "security-engineering": 2, "ai-technology": 2},
    LEAD.person: {"security-operations": 3, "incident-response": 3, "ai-security": 2, "leadership": 2},
    ANALYST.person: {"security-operations": 2, "ai-security": 1},
    ENGINEER.person: {"security-engineering": 3, "security-operations": 3, "threat-modelling": 3, "ai-security": 2},
    RED_TEAM.person: {"ai-security": 4, "ai-assurance": 3, "security-research": 3, "threat-modelling": 3},
}  # fmt: skip


@dataclass(frozen=True)
class System:
    """An AI system of the demo and how it is governed."""

    service: str
    name: str
    unit: str
    purpose: str
    stage: str
    criticality: str
    exposure: str
    data_classes: tuple[str, ...]
    owner: str = ""
    owner_role: str = ""

    @property
    def identity(self) -> str:
        return f"ai_system:{self.service}"


COPILOT = System(
    "claims-copilot",
    "Claims copilot",
    CLAIMS,
    "Reads claim files and mail, drafts decisions and letters for claims handlers, and looks up policies.",
    "operation",
    "high",
    "medium",
    ("personal data", "health data"),
    owner=OWNER.slug,
    owner_role="caio",
)
ASSISTANT = System(
    "care-assistant",
    "Customer care assistant",
    CARE,
    "Answers customers in the app and hands over to a person when it is unsure.",
    "operation",
    "medium",
    "high",
    ("personal data",),
    owner="marc.keller",
    owner_role="caio",
)
SCREENING = System(
    "cv-screening",
    "Application screening",
    PEOPLE,
    "Sorts job applications for recruiters, who decide.",
    "validation",
    "high",
    "low",
    ("personal data",),
)
SYSTEMS = (COPILOT, ASSISTANT, SCREENING)
