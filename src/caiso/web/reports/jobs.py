"""Background work of the first screens."""

import time
from datetime import timedelta

from caiso.web.base.models import User
from caiso.web.base.services.jobs import GiveUp, JobContext, handles, schedule
from caiso.web.base.services.leases import process_owner
from caiso.web.reports.services.figures import keep_figures
from caiso.web.reports.services.start import LOAD_DEMO, REMOVE_DEMO
from caiso.web.reports.start import demo_exists
from caiso.web.soc.services import rest

FIGURES = "reports.figures"
PATIENCE_S = 60.0


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(REMOVE_DEMO)(take_demo_away)
    handles(LOAD_DEMO)(bring_demo)
    handles(FIGURES)(count)
    schedule(FIGURES, timedelta(hours=1))


def count(context: JobContext) -> dict[str, int]:
    """Keep the day's figures; repeating it is harmless."""
    return {"figures": keep_figures(now=context.clock())}


def bring_demo(context: JobContext) -> dict[str, int]:
    """Load the demo while the detector rests; a repeat takes away what was left and begins again."""
    try:
        from caiso.web.reports.services.demo.load import DAYS, load_demo  # noqa: PLC0415 - see below
        from caiso.web.reports.services.demo.remove import is_whole  # noqa: PLC0415
    except ImportError as error:
        raise GiveUp("this installation has no demo to load") from error
    if is_whole():
        return {}
    owner, steps = process_owner(), DAYS + 5

    def tell(line: str) -> None:
        rest.let_rest(owner, now=context.clock())
        day = line.removeprefix("day ").partition(" of ")[0]
        context.progress(4 + int(day) if day.isdigit() else 1, steps, line)

    tell("waiting for the detector to rest")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not rest.is_idle(now=context.clock()):
            if time.monotonic() > deadline:
                raise GiveUp("the detector does not rest; try again when it has read what waits")
            time.sleep(0.5)
        return {"logins": len(load_demo(now=context.clock(), tell=tell))}
    finally:
        rest.end_rest(owner, now=context.clock())


def take_demo_away(context: JobContext, *, by: int) -> dict[str, int]:
    """Remove the demo; a repeat finds none and does nothing."""
    if not demo_exists():
        return {}
    try:
        from caiso.web.reports.services.demo.remove import remove_demo  # noqa: PLC0415 - an installation may leave the demo out
    except ImportError as error:
        raise GiveUp("this installation has no demo to remove") from error
    return remove_demo(actor=User.objects.filter(pk=by).first(), now=context.clock())
