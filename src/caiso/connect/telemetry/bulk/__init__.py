"""The normaliser for many spans at once: what nearly all senders send, column by column; the rest goes one by one."""

from caiso.connect.telemetry.bulk.normalise import Bulk, normalise_spans

__all__ = ["Bulk", "normalise_spans"]
