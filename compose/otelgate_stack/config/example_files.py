"""Dashboards and alerts that are about one of the applications in examples/: with the stack once an example was run.

`install` copies them to a folder of the stack's state that Prometheus and Grafana look into; it is empty until then, so
that a stack of one's own shows nothing of other people's products. `make clean` removes it.
"""

import shutil
from pathlib import Path

from .. import state
from ..settings import Settings

_PARTS = {"rules": Path("rules") / "examples", "dashboards": Path("dashboards") / "otelgate-applications"}
"""Folder in the state -> folder below grafana/rendered/."""


def folder(settings: Settings) -> Path:
    """The folders of installation: `rules` for Prometheus, `dashboards` for Grafana."""
    return settings.state_dir / "examples"


def prepare(settings: Settings) -> None:
    """Make the folders. Their contents are not secret; the state folder itself keeps others out."""
    for part in (folder(settings), *(folder(settings) / name for name in _PARTS)):
        state.make_folder(part)
        part.chmod(0o755)


def install(settings: Settings) -> bool:
    """Copy what is missing or differs; says whether Prometheus has to read its rules again."""
    prepare(settings)
    rendered = settings.root / "grafana" / "rendered"
    changed = {part for part, source in _PARTS.items() if _copy(rendered / source, folder(settings) / part)}
    return "rules" in changed


def _copy(source: Path, target: Path) -> bool:
    wanted = {file.name: file.read_bytes() for file in source.iterdir() if file.is_file()}
    there = {file.name: file.read_bytes() for file in target.iterdir()}
    for name in there.keys() - wanted.keys():  # of an older release
        (target / name).unlink()
    for name in wanted:
        if there.get(name) != wanted[name]:
            draft = target / f".{name}.draft"  # readers must never see half a file
            shutil.copyfile(source / name, draft)
            draft.chmod(0o444)
            draft.replace(target / name)
    return there != wanted
