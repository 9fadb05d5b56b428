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


CAISO = Member("lena.fischer", "Lena Fischer", ROOT, "caiso", 20, AccessRole.CAISO)
LEAD = Member("amara.osei", "Amara Osei", ROOT, access=AccessRole.AISOC_LEAD)
ANALYST = Member("ines.duarte", "Ines Duarte", ROOT, access=AccessRole.ANALYST)
OWNER = Member("sofia.alvarez", "Sofia Alvarez", CLAIMS, access=AccessRole.MODEL_OWNER)
CAST = (
    CAISO,
    LEAD,
    ANALYST,
    OWNER,
    Member("priya.nair", "Priya Nair", ROOT, "ciso", 700, AccessRole.CISO),
    Member("noah.kim", "Noah Kim", ROOT, "caio", 400, AccessRole.CAIO),
    Member("tomas.novak", "Tomas Novak", ROOT, "cto", 1200, AccessRole.CTO),
    Member("kenji.mori", "Kenji Mori", ROOT, access=AccessRole.DETECTION_ENGINEER),
    Member("ruth.adeyemi", "Ruth Adeyemi", ROOT, access=AccessRole.AUDITOR),
    Member("marc.keller", "Marc Keller", CARE),
    Member("yuki.tanaka", "Yuki Tanaka", PEOPLE, access=AccessRole.HUMAN_RESOURCES),
)
# What was attested of some of them, by competence; the rest is unknown, as it is everywhere at first.
ATTESTED: dict[str, dict[str, int]] = {
    "lena.fischer": {
        "ai-security": 4,
        "security-engineering": 4,
        "threat-modelling": 4,
        "risk": 4,
        "leadership": 4,
        "communication": 4,
        "ai-technology": 3,
    },
    "priya.nair": {"security-engineering": 4, "security-operations": 4, "incident-response": 4, "ai-security": 1},
    "noah.kim": {"ai-technology": 4, "ai-development": 4, "security-engineering": 1},
    "tomas.novak": {"architecture": 4, "ai-technology": 2},
    "amara.osei": {"security-operations": 3, "incident-response": 3, "ai-security": 2},
    "ines.duarte": {"security-operations": 2, "ai-security": 1},
    "kenji.mori": {"security-engineering": 3, "ai-security": 2},
}


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


SYSTEMS = (
    System(
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
    ),
    System(
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
    ),
    System(
        "cv-screening",
        "Application screening",
        PEOPLE,
        "Sorts job applications for recruiters, who decide.",
        "validation",
        "high",
        "low",
        ("personal data",),
    ),
)
SHADOW_SERVICE = "sales-mail-writer"
