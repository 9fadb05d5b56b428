"""What may be drilled here, and against what: the packs that are installed and the rules as they are deployed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.db.models import Q

from caiso.connect.telemetry.trial.jobs import DrillJob, Silence
from caiso.engine.drill import worst
from caiso.engine.drill.firedrill import PACK_ID, installed_atomics, load_atomics
from caiso.engine.drill.packs import DRILL_FOLDER, load_drills
from caiso.engine.packs import PackProblem
from caiso.web.config.environment import environment
from caiso.web.soc import queries
from caiso.web.soc.models import DrillResult, DrillRun
from caiso.web.soc.rulebook import rule_sources


@dataclass(frozen=True)
class PackChoice:
    """A drill pack that may be played."""

    id: str
    title: str
    about: str
    source: str
    traces: int


def drill_folders() -> tuple[Path, ...]:
    """The shipped drills, and `drills/` of each folder in CAISO_PACKS."""
    return (DRILL_FOLDER, *(folder / "drills" for folder in environment().packs if (folder / "drills").is_dir()))


@lru_cache(maxsize=4)
def _read(folders: tuple[Path, ...], atomics: Path | None) -> tuple[tuple[PackChoice, ...], tuple[PackProblem, ...]]:
    packs, problems = load_drills(*folders)
    found = [pack.value for pack in packs]
    if atomics is not None:
        imported, more = load_atomics(atomics)
        problems += more
        found += [imported] if imported is not None else []
    return tuple(PackChoice(pack.id, pack.title, pack.about, pack.source, len(pack.traces)) for pack in found), problems


def installed_packs() -> tuple[tuple[PackChoice, ...], tuple[PackProblem, ...]]:
    """Every pack, shipped ones first, and what is wrong with those that could not be read; read once per process."""
    return _read(drill_folders(), installed_atomics())


def drill_job(packs: list[str], *, now: datetime) -> DrillJob:
    """A drill of these packs (none: all) against the live configuration: states, suppressions and rules of people's own."""
    atomics = installed_atomics()
    return DrillJob(
        rules=rule_sources(),
        folders=[str(folder) for folder in drill_folders()],
        packs=packs,
        atomics=str(atomics) if atomics is not None and (not packs or PACK_ID in packs) else "",
        silences=[
            Silence(
                rule=one.rule.slug,
                entity={key: str(value) for key, value in one.entity.items()},
                why=f"it is suppressed until {one.expires_at:%-d %b %Y}: {one.reason[:120]}",
            )
            for one in queries.standing_suppressions(now=now)
        ],
    )


DRILL_MEMORY = timedelta(days=30)  # an older drill proves nothing about today's rules


@dataclass(frozen=True)
class Standing:
    """What the newest drills say about one technique: the worst of its traces, with all of them."""

    technique: str
    outcome: str
    at: datetime
    results: tuple[DrillResult, ...]

    @property
    def failed(self) -> tuple[DrillResult, ...]:
        return tuple(result for result in self.results if result.outcome != DrillResult.Outcome.COVERED)


def standing_results(*, now: datetime) -> list[DrillResult]:
    """The results of each pack's newest drill, as far as it is not older than a month."""
    newest: dict[str, int] = {}
    for run in DrillRun.objects.filter(finished_at__gte=now - DRILL_MEMORY, error="").order_by("-pk"):
        for pack in run.packs:
            newest.setdefault(pack, run.pk)
    wanted = Q(pk__in=[])
    for pack, number in newest.items():
        wanted |= Q(pack=pack, run_id=number)
    return list(DrillResult.objects.filter(wanted).select_related("run"))


def standing_by_technique(*, now: datetime) -> dict[str, Standing]:
    """{technique: what the newest drills say about it}; an attacker needs only one way, so the worst decides."""
    by_technique: dict[str, list[DrillResult]] = {}
    for result in standing_results(now=now):
        for technique in result.techniques:
            by_technique.setdefault(technique, []).append(result)
    return {technique: _standing(technique, found) for technique, found in sorted(by_technique.items())}


def _standing(technique: str, results: list[DrillResult]) -> Standing:
    at = max(result.run.finished_at or result.run.started_at for result in results)
    return Standing(technique, worst(result.outcome for result in results).value, at, tuple(results))
