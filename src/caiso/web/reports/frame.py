"""What the reports add to the page frame."""

from caiso.web.base import navigation


def join_frame() -> None:
    """Called once by the app at start-up."""
    navigation.add(navigation.Item("Posture", "home", "gauge", "", "view", 1, "h"))
    navigation.add(navigation.Item("First steps", "start", "checklist", "Administration", "organisation.edit", 95))
