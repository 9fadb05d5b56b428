"""Background work of the first screens."""

from caiso.web.base.models import User
from caiso.web.base.services.jobs import GiveUp, JobContext, handles
from caiso.web.reports.services.start import REMOVE_DEMO
from caiso.web.reports.start import demo_exists


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(REMOVE_DEMO)(take_demo_away)


def take_demo_away(context: JobContext, *, by: int) -> dict[str, int]:
    """Remove the demo; a repeat finds none and does nothing."""
    if not demo_exists():
        return {}
    try:
        from caiso.web.reports.services.demo.remove import remove_demo  # noqa: PLC0415 - an installation may leave the demo out
    except ImportError as error:
        raise GiveUp("this installation has no demo to remove") from error
    return remove_demo(actor=User.objects.filter(pk=by).first(), now=context.clock())
