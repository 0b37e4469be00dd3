"""Takes the README's figures from the newest run of the demo: `make figures`.

They are kept in docs/figures.json, of which `make docs` writes the table, so that it is a run's.
"""

import json
import sys
from pathlib import Path

from edgekit.core.table import metrics_table
from edgekit.pipeline.runs import find_run, read_run

RECORD = Path(__file__).with_name("figures.json")
# What a reader wants first; the rest stands in the run's own report.
SHOWN = (
    "format",
    "recipe",
    "size",
    "smaller",
    "accuracy",
    "drop (points)",
    "agreement",
    "delegated",
)


def record(folder: Path) -> dict[str, object]:
    """Return what the README says of a run: its table in part, and where it was made."""
    run = read_run(find_run(str(folder)))
    table = metrics_table(run)
    places = [table.columns.index(name) for name in SHOWN]
    measured = run.measurements[0]
    return {
        "command": run.command,
        "data": run.data,
        "n": measured.n,
        "seed": run.seed,
        "epochs": max(m.card.trained.epochs_run for m in run.models if m.card.trained),
        "host": measured.host,
        "cpu_features": list(measured.cpu_features),
        "columns": list(SHOWN),
        "rows": [[row[place] for place in places] for row in table.rows],
    }


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(Path(sys.argv[1])), indent=1) + "\n")
