"""Checking a rule's text for the workbench; nothing is written."""

from caiso.connect.telemetry.trial.jobs import CheckJob, CheckReport
from caiso.connect.telemetry.trial.parent import Bounds, Tell, run_trial
from caiso.errors import DomainError
from caiso.web.soc.rulebook import rule_sources, text_path

MOST_TEXT = 200_000
MOST_SAMPLES = 1_000_000
BOUNDS = Bounds(seconds=60, cpu_seconds=60, address_bytes=4 << 30)


class UnableToCheck(DomainError):
    """The text is too long to be looked at."""


def check_text(
    text: str, *, slug: str = "", samples: str = "", tell: Tell = lambda done, total, note: None
) -> CheckReport:
    """Mistakes and hints with lines, own tests, samples, cost and similar rules, in a process of its own.

    `slug` names the rule that the text replaces, so that it is not compared with itself.
    """
    if len(text) > MOST_TEXT:
        raise UnableToCheck(f"the rule has {len(text):,} characters, at most {MOST_TEXT:,} are read")
    if len(samples) > MOST_SAMPLES:
        raise UnableToCheck(f"the samples have {len(samples):,} characters, at most {MOST_SAMPLES:,} are read")
    job = CheckJob(
        rules=rule_sources(without=[slug] if slug else ()),
        path=text_path(slug or "draft"),
        text=text.replace("\r\n", "\n"),
        samples=samples,
    )
    return run_trial(job, CheckReport, tell=tell, bounds=BOUNDS)
