"""How values are put into words: relative times, initials, numbers."""

from datetime import UTC, date, datetime, timedelta

from django.utils import timezone

UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def relative(moment: datetime, now: datetime) -> str:
    """ "3 hours ago", "in 2 days"; a date once it is more than 30 days away."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) >= timedelta(days=30).total_seconds():
        return f"{timezone.localtime(moment):%-d %b %Y}"
    for size, unit in UNITS:
        count = int(abs(seconds) // size)
        if count:
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return "in a moment" if seconds > 0 else "just now"


def moment_title(moment: datetime) -> str:
    """The exact time in the installation's zone, with the zone named."""
    return f"{timezone.localtime(moment):%A %-d %B %Y, %H:%M:%S %Z}"


def day(value: date) -> str:
    """ "14 Oct 2026"."""
    if isinstance(value, datetime):
        value = timezone.localtime(value).date() if value.tzinfo else value.date()
    return f"{value:%-d %b %Y}"


def today() -> date:
    """The date in the installation's time zone."""
    return timezone.localtime(datetime.now(UTC)).date()


def initials(name: str) -> str:
    """Two letters for an avatar: of the first and the last word, or of an e-mail address."""
    words = name.split("@")[0].replace(".", " ").split()
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()


def number(value: float, decimals: int = 0) -> str:
    """With thousands separators: 12,345."""
    return f"{value:,.{decimals}f}"


def counted(count: int, one: str, many: str) -> str:
    """ "1 risk", "4,302 risks"."""
    return f"{number(count)} {one if count == 1 else many}"
