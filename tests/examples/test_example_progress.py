"""The output of `make example` while users come, and the places of its applications' files."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from otelgate_stack import settings

from examples.common import run, traffic
from examples.common.traffic import Progress, Tally


def test_failed_turns_count_as_failed_in_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """An application that answers 502 has failed its user, though nothing was raised here."""
    tally = Tally()
    for kind, name, number in (
        ("visits", "all", 60),
        ("steps", "Ask", 169),
        ("failed_turns", "502", 146),
        ("failed_steps", "ReadTimeout", 2),
        ("commands", "failed", 1),  # Execora's spoken ones
        ("commands", "success", 9),
        ("turns", "finance", 11),
    ):
        tally.add(kind, name, number)
    Progress("bestbox", tally, 240).end()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("bestbox: 0 of 240 s")
    assert said.endswith(", 60 visits, 169 steps, 149 failed")


def test_files_of_an_application_are_in_the_stacks_folder(tmp_path: Path) -> None:
    """One that is killed leaves them, Osool its Redis' data: `make clean` is to remove them."""
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "state")})
    assert "TMPDIR" not in own(loaded)
    (tmp_path / "state").mkdir()
    assert own(loaded)["TMPDIR"] == str(tmp_path / "state" / "tmp")
    assert (tmp_path / "state" / "tmp").is_dir()


def own(loaded: settings.Settings) -> dict[str, str]:
    """The application's variables in addition to this process's own environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TMPDIR", raising=False)
        return run.environment(loaded, traffic.load("bestbox"))


def test_the_first_example_makes_prometheus_read_its_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: a running Prometheus reads new files on a reload."""
    told: list[str] = []
    monkeypatch.setattr(run, "choose", lambda settings, report: (SimpleNamespace(reload=told.append), "asked for"))
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "state")})
    run._install(loaded)
    run._install(loaded)
    assert told == ["prometheus"]
