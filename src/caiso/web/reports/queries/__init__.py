"""What the posture page says, each figure with its denominator and the list that it opens; one file per part of the page."""

from caiso.web.inventory.models import Asset
from caiso.web.soc.models import Alert


def has_anything() -> bool:
    """Whether the organisation has any AI or telemetry yet; else the first screen is the guide."""
    return Asset.objects.exists() or Alert.objects.exists()
