"""Questions about an incident that reporting clocks depend on, and what the alerts propose as answers."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import get_args

from caiso.engine.clocks.facts import AiActRole, AiSystemClass, GdprRole, Nis2Entity
from caiso.errors import DomainError
from caiso.web.soc.models import Incident


class UnableToRead(DomainError):
    """The answer is not one of those that the question allows."""


@dataclass(frozen=True)
class Question:
    """One determination; `kind` is moment, yes_no or choice."""

    name: str
    text: str
    kind: str
    source: str
    choices: tuple[str, ...] = ()

    def read(self, given: str, *, zone: tzinfo) -> object:
        """The answer of a form as the clocks take it."""
        if self.kind == "yes_no":
            if given not in {"yes", "no"}:
                raise UnableToRead(f'"{self.text}" takes yes or no')
            return given == "yes"
        if self.kind == "choice":
            return given
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise UnableToRead(f'"{self.text}" takes a date and time') from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


MOMENT_QUESTIONS = (
    Question("occurred", "When did it happen?", "moment", ""),
    Question("detected", "When was it detected?", "moment", ""),
    Question("aware", "When did the organisation become aware?", "moment", "GDPR 33(1), NIS2 23(4), AI Act 73(2)"),
    Question("classified", "When was it classified?", "moment", "DORA Art. 5 of Reg. 2025/301"),
    Question("material", "When was it found material?", "moment", "SEC Form 8-K 1.05"),
    Question("causal_link", "When was the causal link established?", "moment", "AI Act 73(2)"),
    Question("mitigated", "When was it mitigated?", "moment", ""),
)
ATTRIBUTE_QUESTIONS = (
    Question("personal_data", "Is personal data breached?", "yes_no", "GDPR 4(12)"),
    Question("gdpr_role", "What are we for that data?", "choice", "GDPR 4(7), 4(8)", get_args(GdprRole)),
    Question("risk_to_persons", "Is a risk to persons likely?", "yes_no", "GDPR 33(1)"),
    Question("high_risk_to_persons", "Is that risk high?", "yes_no", "GDPR 34(1)"),
    Question("nis2_entity", "What are we under NIS2?", "choice", "NIS2 3", get_args(Nis2Entity)),
    Question("significant_nis2", "Is the incident significant?", "yes_no", "NIS2 23(3)"),
    Question("ai_act_role", "What are we for the AI system?", "choice", "AI Act 3", get_args(AiActRole)),
    Question(
        "ai_system_class", "What class is the AI system?", "choice", "AI Act 5, 6, 50, 51", get_args(AiSystemClass)
    ),
    Question("serious_incident", "Is it a serious incident?", "yes_no", "AI Act 3(49)"),
    Question("death", "Did a person die, or is that suspected?", "yes_no", "AI Act 73(4)"),
    Question("widespread", "Is it a widespread infringement?", "yes_no", "AI Act 73(3)"),
    Question("critical_infrastructure", "Was critical infrastructure disrupted?", "yes_no", "AI Act 73(3)"),
)


@dataclass(frozen=True)
class Proposal:
    """What the platform would suggest; somebody with a name must say it."""

    at: datetime
    reason: str


def proposed_awareness(incident: Incident) -> Proposal | None:
    """The first acknowledgement of one of the incident's alerts: from then on a person knew; None once it is determined."""
    if incident.facts.filter(name="aware", is_current=True).exists():
        return None
    first = incident.alerts.exclude(acknowledged_at=None).order_by("acknowledged_at").first()
    if first is None or first.acknowledged_at is None:
        return Proposal(incident.opened_at, "the incident was opened then")
    return Proposal(first.acknowledged_at, f"alert {first.pk} was taken by a person then")
