"""What proves things in the demo: scans of its sources, evidence that people left, links that they reviewed."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from caiso.engine.discover import SourceFile, scan_tree
from caiso.web.base.models import Unit, User
from caiso.web.compliance.models import Control, ControlAssessment, ControlLink
from caiso.web.compliance.services.evidence import accept_evidence, collect_evidence
from caiso.web.compliance.services.judgement import declare, review_link
from caiso.web.inventory.models import Asset, Scan
from caiso.web.inventory.services.scans import record_scan
from caiso.web.reports.services.demo import cast

COPILOT_FILES = {
    "copilot/agent.py": '''"""The claims agent."""

from agents import Agent, Runner, function_tool
from openai import OpenAI

client = OpenAI()


@function_tool
def get_claim(number: str) -> str:
    """Look a claim up."""
    return f"claim {number}"


@function_tool
def read_email(message: str) -> str:
    """Read a mail of the claims inbox."""
    return message


@function_tool
def send_email(to: str, text: str) -> str:
    """Send a letter."""
    return "sent"


claims_agent = Agent(
    name="claims-copilot-agent",
    instructions="You help claims handlers.",
    model="gpt-5-mini",
    tools=[get_claim, read_email, send_email],
)


def summarise(text: str) -> str:
    answer = client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content
''',
    "copilot/knowledge.py": '''"""The policy handbook as a vector store."""

import chromadb
from openai import OpenAI

store = chromadb.PersistentClient(path="/srv/handbook")
handbook = store.get_or_create_collection("policy-handbook")


def embed(text: str) -> list[float]:
    answer = OpenAI().embeddings.create(model="text-embedding-3-small", input=text)
    return answer.data[0].embedding
''',
    "requirements.txt": "openai==2.8.0\nopenai-agents==0.6.1\nchromadb==1.3.4\n",
    ".mcp.json": '{"mcpServers": {"mailbox": {"command": "npx", "args": ["-y", "@meridian/mailbox-mcp@2.1.0"]}}}\n',
    ".env.example": "OPENAI_API_KEY=\n",
}
LATER = {
    "copilot/pricing.py": '''"""Estimates what a repair should cost."""

import anthropic

client = anthropic.Anthropic()


def estimate(text: str) -> str:
    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=300, messages=[{"role": "user", "content": text}])
    return answer.content[0].text
''',
}
ASSISTANT_FILES = {
    "src/assistant.ts": """import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();

export async function answer(question: string) {
  const reply = await client.messages.create({
    model: "claude-haiku-4-5",
    max_tokens: 500,
    messages: [{ role: "user", content: question }],
  });
  return reply.content;
}
""",
    "package.json": '{"name": "care-assistant", "dependencies": {"@anthropic-ai/sdk": "0.71.0"}}\n',
}
# control, title, kind, statement, collected days ago, valid for so many days, accepted
EVIDENCE = (
    (
        "switch-off-rehearsed",
        "Kill switch drill of the claims copilot",
        "Record of a drill",
        "The copilot was switched off in 4 minutes on a Tuesday morning; handlers went on by hand for two hours.",
        18,
        29,
        True,
    ),
    (
        "supplier-failure-planned",
        "Fallback plan for the model supplier",
        "Plan",
        "Within a day the assistant moves to a second supplier; the last trial took six hours.",
        26,
        22,
        True,
    ),
    (
        "attacked-before-release",
        "Attack report on the claims copilot, release 2.3",
        "Report",
        "140 attacks of six families; nine got through, five of them by mail. Retest after the mail tool is changed.",
        3,
        180,
        False,
    ),
)
DECLARED = {
    "switch-off-rehearsed": ("implemented", ""),
    "supplier-failure-planned": ("implemented", ""),
    "attacked-before-release": ("planned", "Every release from December on; until then only the claims copilot."),
}


def scan(
    at: datetime, system: cast.System, files: Mapping[str, str], *, units: Mapping[str, Unit], actor: User
) -> None:
    """Scan the system's sources as they were on that day; the place is invented, the discovery is real."""
    found = scan_tree(SourceFile.from_bytes(path, text.encode()) for path, text in files.items())
    record_scan(
        found,
        target=f"https://git.meridian.example/ai/{system.service}.git",
        unit=units[system.unit],
        system=Asset.objects.filter(identity=system.identity).first(),
        origin=Scan.Origin.REPOSITORY,
        revision=f"{at:%Y%m%d}",
        actor=actor,
        now=at,
    )


def leave_evidence(age: int, at: datetime, *, unit: Unit, users: Mapping[str, User]) -> None:
    """What somebody collected on that day; most of it is accepted by somebody else a day later."""
    for slug, title, kind, statement, collected, valid_days, accepted in EVIDENCE:
        control = Control.objects.filter(slug=slug).first()
        if control is None:
            continue
        if age == collected:
            values = {
                "control": control, "unit": unit, "title": title, "kind": kind, "statement": statement,
                "valid_until": at + timedelta(days=valid_days),
            }  # fmt: skip
            collect_evidence(values=values, actor=users[cast.CAIO.slug], now=at)
            _declare(control, at, actor=users[cast.CAISO.slug])
        if accepted and age == collected - 1:
            waiting = control.evidence.filter(title=title, is_accepted=False).first()
            if waiting is not None:
                accept_evidence(waiting, actor=users[cast.CISO.slug], now=at)


def _declare(control: Control, at: datetime, *, actor: User) -> None:
    implementation, reason = DECLARED[control.slug]
    assessment = ControlAssessment.objects.filter(control=control).order_by("pk").first()
    if assessment is not None:
        declare(assessment, implementation=implementation, reason=reason, actor=actor, now=at)


def review_links(at: datetime, *, actor: User) -> None:
    """The compliance officer reads the links of the first controls and confirms them, one is disputed."""
    links = ControlLink.objects.filter(
        control__slug__in=["accountable-owner", "high-alerts-triaged", "production-telemetry"]
    )
    for number, link in enumerate(links.order_by("pk")):
        note = "Ownership is not the same as a decision right." if number == 1 else ""
        review_link(link, status="disputed" if note else "reviewed", note=note, actor=actor, now=at)
