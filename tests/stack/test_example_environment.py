"""The variables that the stack gives to an example, and the pages that come with the first one."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from otelgate_stack import settings
from otelgate_stack.examples import environment
from otelgate_stack.settings import Settings


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("REDIS_URL", raising=False)
    folders = {"OTELGATE_STATE_DIR": str(tmp_path / "state"), "OTELGATE_CACHE_DIR": str(tmp_path / "cache")}
    return settings.load(folders)


def given(loaded: Settings, *, redis: bool = False) -> dict[str, str]:
    with environment.surroundings(loaded, redis=redis) as variables:
        return variables


def test_files_of_an_application_are_in_the_stacks_folder(loaded: Settings) -> None:
    """One that is killed leaves them, its Redis' data among them: `make clean` is to remove them."""
    assert "TMPDIR" not in given(loaded)
    loaded.state_dir.mkdir()
    assert given(loaded)["TMPDIR"] == str(loaded.state_dir / "tmp")
    assert (loaded.state_dir / "tmp").is_dir()


def test_applications_get_no_settings_of_the_stack(loaded: Settings) -> None:
    assert [name for name in given(loaded) if name.startswith("OTELGATE_")] == []


def test_no_redis_to_be_had_prints_why_and_sets_no_url(
    loaded: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "REDIS_URL" not in given(loaded, redis=True)
    said = capsys.readouterr()
    assert said.err == "redis-server is not on PATH, and there is no apt-get to fetch it with\n"
    assert said.out == ""


def test_own_redis_is_used_and_none_is_started(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379")

    def started(*_: object) -> Iterator[None]:
        raise AssertionError("a Redis was started")

    monkeypatch.setattr(environment.redis_server, "running", started)
    assert "REDIS_URL" not in given(loaded, redis=True)


def test_the_first_example_makes_prometheus_read_its_rules(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: a running Prometheus reads new files on a reload."""
    told: list[str] = []
    chosen = SimpleNamespace(reload=told.append), "asked for"
    monkeypatch.setattr(environment.stack, "choose", lambda settings, report: chosen)
    environment.install(loaded)
    environment.install(loaded)
    assert told == ["prometheus"]
