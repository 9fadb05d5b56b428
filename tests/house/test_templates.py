"""What every template keeps, so that a page that overflows only on somebody's screen is right there too."""

import re

from tests.house.sources import PACKAGE, ROOT

SCROLLS = re.compile(r'<\w+\b[^>]*\bclass="[^"]*\bscroll-x\b[^"]*"[^>]*>')
NEEDED = ('tabindex="0"', 'role="region"', 'aria-label="')


def test_what_scrolls_sideways_can_be_reached_and_is_named() -> None:
    """A keyboard scrolls only what takes the focus, and what takes it needs a name (WCAG 2.1.1, 4.1.2)."""
    found = {
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, tag.start()) + 1}": tag[0]
        for path in sorted(PACKAGE.rglob("*.html"))
        for text in [path.read_text()]
        for tag in SCROLLS.finditer(text)
    }
    assert len(found) > 40
    assert {place: tag for place, tag in found.items() if not all(part in tag for part in NEEDED)} == {}
