"""Runs every benchmark: `python -m bench [--quick] [NAME …]`; raw figures go to bench/results/NAME.json, tables to the terminal."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parent
RESULTS = BENCH / "results"
NAMED_VERSIONS = ("django", "duckdb", "google-re2", "hyperscan", "numpy", "pyarrow", "pysigma", "scipy", "uvicorn")


def benchmarks() -> list[str]:
    """The scripts beside this file that are benchmarks: they define `main`."""
    return sorted(p.stem for p in BENCH.glob("*.py") if not p.stem.startswith("_") and "\ndef main(" in p.read_text())


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    versions = {d.metadata["Name"].lower(): d.version for d in distributions()}
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "cores": os.cpu_count(),
        "cpu": cpu,
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "versions": {name: versions[name] for name in NAMED_VERSIONS if name in versions},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def run(name: str, *, quick: bool) -> bool:
    """Run one benchmark in its own process, keep its JSON, print its table; whether it succeeded."""
    print(f"\n== {name}", flush=True)
    facts, begun = machine(), time.monotonic()
    command = [sys.executable, "-m", f"bench.{name}", "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=BENCH.parent, stdout=subprocess.PIPE, text=True, check=False)
    try:
        figures = json.loads(done.stdout)
    except json.JSONDecodeError:
        print(f"{name} failed with exit code {done.returncode}, without figures")
        return False
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "benchmark": name,
        "quick": quick,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begun, 1),
        "machine": facts,
        "figures": figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    print(table(figures))
    if done.returncode:  # what it measured is kept: a bound that was missed is known by its figures
        print(f"{name} failed with exit code {done.returncode}")
    return not done.returncode


def table(figures: Any) -> str:
    """Rows as an aligned table; anything else as indented JSON."""
    rows = figures.get("rows") if isinstance(figures, dict) else figures
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        return json.dumps(figures, indent=2)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value if value is not None else "")
    )


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="smaller inputs: minutes instead of an hour")
    given = parser.parse_args()
    failed = [name for name in given.names or benchmarks() if not run(name, quick=given.quick)]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
