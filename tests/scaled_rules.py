"""The committed rules, evaluated more often and held for less time: for tests that wait for what a rule says.

What a rule says of given samples, promtool's tests show of the committed ones, with their own times.
"""

from pathlib import Path

import yaml
from otelgate_grafana.alerts.render import seconds

COUNTING = ("otelgate-presence", "otelgate-slo", "otelgate-slo-budget")
"""Groups whose rules count their own points, one a minute: evaluated more often they would say something else."""


def scaled(root: Path, folder: Path, *, interval_s: int, for_s: int | None = None) -> Path:
    """A copy of `root`/grafana/rendered/rules in `folder`, each group evaluated every `interval_s` at least.

    No alert waits longer than `for_s`, where that is given. Expressions stay as they are. Returns `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for file in sorted((root / "grafana" / "rendered" / "rules").glob("*.yaml")):
        rules = yaml.safe_load(file.read_text())
        for group in rules["groups"]:
            names.add(group["name"])
            if group["name"] not in COUNTING:
                group["interval"] = f"{min(seconds(group['interval']), interval_s)}s"
            for rule in group["rules"]:
                if for_s is not None and "for" in rule:
                    rule["for"] = f"{min(seconds(rule['for']), for_s)}s"
        (folder / file.name).write_text(yaml.safe_dump(rules, sort_keys=False))
    assert names >= set(COUNTING)
    return folder
