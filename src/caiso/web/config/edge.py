"""The ingest edge of this installation: its log in the data directory, its senders known by their tokens."""

from pathlib import Path

from caiso.connect.telemetry.edge import Edge
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.wal import WalWriter
from caiso.web.base.edge_auth import authenticate


def make_edge(data: Path) -> Edge:
    """An edge that opens its log when it starts; several may write beside each other."""
    return Edge(lambda: WalWriter(data / "wal", KeyRing(data / "keys", "wal")), authenticate)
