"""Files per second of a scan, over installed packages or a folder of your own: `python -m bench.discover --json [--tree DIR]`."""

import argparse
import json
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from caiso.connect.source import folder
from caiso.engine.discover import scan_tree
from caiso.engine.discover.signatures import default_signatures

PACKAGES = ("openai", "firedrill", "pydantic", "django", "opentelemetry", "rich", "hypothesis", "cryptography")
QUICK = ("openai", "pydantic", "rich")


def measure(name: str, root: Path) -> dict[str, Any]:
    """One tree: walk and scan, signatures already loaded as in a service that scans often."""
    begun = time.perf_counter()
    listing = folder.read(root)
    walked = time.perf_counter()
    result = scan_tree(listing.files)
    scanned = time.perf_counter()
    seconds = scanned - begun
    return {
        "tree": name,
        "files": result.files_scanned,
        "megabytes": round(result.bytes_scanned / 1e6, 2),
        "walk_s": round(walked - begun, 3),
        "scan_s": round(scanned - walked, 3),
        "files_per_s": round(result.files_scanned / seconds) if seconds else 0,
        "assets": len(result.assets),
    }


def main() -> None:
    """Print one row for each tree and one for all."""
    parser = argparse.ArgumentParser(prog="python -m bench.discover", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tree", action="append", type=Path, default=[])
    given = parser.parse_args()
    site = Path(sysconfig.get_paths()["purelib"])
    names = QUICK if given.quick else PACKAGES
    roots = {root.name: root for root in given.tree} or {n: site / n for n in names if (site / n).is_dir()}
    default_signatures()
    rows = []
    for name, root in roots.items():
        print(f"scanning {name}", file=sys.stderr)
        rows.append(measure(name, root))
    files, seconds = sum(r["files"] for r in rows), sum(r["walk_s"] + r["scan_s"] for r in rows)
    rows.append({"tree": "all", "files": files, "files_per_s": round(files / seconds) if seconds else 0})
    print(json.dumps({"rows": rows}, indent=2) if given.json else "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
