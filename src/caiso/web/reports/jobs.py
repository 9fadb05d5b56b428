"""Background work of the first screens."""

from datetime import timedelta

from caiso.web.base.models import User
from caiso.web.base.services.jobs import GiveUp, JobContext, handles, schedule
from caiso.web.reports.services.figures import keep_figures
from caiso.web.reports.services.start import REMOVE_DEMO
from caiso.web.reports.start import demo_exists

FIGURES = "reports.figures"


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(REMOVE_DEMO)(take_demo_away)
    handles(FIGURES)(count)
    schedule(FIGURES, timedelta(hours=1))


def count(context: JobContext) -> dict[str, int]:
    """Keep the day's figures; repeating it is harmless."""
    return {"figures": keep_figures(now=context.clock())}


def take_demo_away(context: JobContext, *, by: int) -> dict[str, int]:
    """Remove the demo; a repeat finds none and does nothing."""
    if not demo_exists():
        return {}
    try:
        from caiso.web.reports.services.demo.remove import remove_demo  # noqa: PLC0415 - an installation may leave the demo out
    except ImportError as error:
        raise GiveUp("this installation has no demo to remove") from error
    return remove_demo(actor=User.objects.filter(pk=by).first(), now=context.clock())
