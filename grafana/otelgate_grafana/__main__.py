"""`python -m otelgate_grafana`: render everything to grafana/rendered/ and lint it.

`--check` writes nothing and fails where the files differ from what would be written.
"""

import sys
from pathlib import Path

import click

from . import lint, logql, main, render
from .alerts import routing
from .alerts.render import render_rules

RENDERED = Path(__file__).resolve().parents[1] / "rendered"
FIX = "make dashboards"


def files() -> dict[Path, str]:
    """File, below grafana/rendered/ -> its text."""
    dashboards = {Path("dashboards") / render.path(dashboard): render.text(dashboard) for dashboard in main.DASHBOARDS}
    texts = {Path("logql.json"): logql.text(), Path("routing.json"): routing.text()}
    return dashboards | render_rules() | texts


def stale(wanted: dict[Path, str], folder: Path = RENDERED) -> list[str]:
    """Files that are missing, differ, or are left over from a dashboard or a rule that no longer exists."""
    made = (*(folder / "dashboards").rglob("*.json"), *(folder / "rules").rglob("*.yaml"), *folder.glob("*.json"))
    found = {path.relative_to(folder) for path in made}
    problems = [f"{path}: left over" for path in sorted(found - set(wanted))]
    for path, text in sorted(wanted.items()):
        if path not in found:
            problems.append(f"{path}: missing")
        elif (folder / path).read_text() != text:
            problems.append(f"{path}: differs")
    return problems


@click.command(help="Render everything to grafana/rendered/ and lint it.")
@click.option("--check", is_flag=True, help="write nothing; fail where the files are out of date")
def run(check: bool) -> None:
    wanted = files()
    problems = [str(problem) for problem in lint.lint(main.DASHBOARDS)]
    if check:
        outdated = stale(wanted)
        problems += outdated + ([f"run `{FIX}`"] if outdated else [])
    else:
        _write(wanted)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(main.DASHBOARDS)} dashboards, {len(problems)} problems")
    sys.exit(1 if problems else 0)


def _write(wanted: dict[Path, str]) -> None:
    for line in stale(wanted):
        if line.endswith(": left over"):
            (RENDERED / line.removesuffix(": left over")).unlink()
    for path, text in wanted.items():
        (RENDERED / path).parent.mkdir(parents=True, exist_ok=True)
        (RENDERED / path).write_text(text)


if __name__ == "__main__":
    run(prog_name="python -m otelgate_grafana")
