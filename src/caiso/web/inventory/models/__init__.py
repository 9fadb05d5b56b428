"""Tables of the inventory; one file per noun."""

from caiso.web.inventory.models.asset import Asset, AssetAlias, AssetKind, AssetState, LifecycleStage, Relation
from caiso.web.inventory.models.observation import Observation, ObservationSource, Scan

__all__ = [
    "Asset",
    "AssetAlias",
    "AssetKind",
    "AssetState",
    "LifecycleStage",
    "Observation",
    "ObservationSource",
    "Relation",
    "Scan",
]
