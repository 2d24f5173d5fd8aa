"""The stack of these settings: which engine runs it, how it is brought up, where its data are.

An engine is imported when it is chosen: each brings libraries that the other, and most commands, do without.
"""

from pathlib import Path

from .. import state
from ..report import Report
from ..settings import Settings
from .engine import Engine


def choose(settings: Settings, report: Report) -> tuple[Engine, str]:
    """The engine to use and the reason, for people.

    `ENGINE` forces one. Else: the one that this state folder was brought up with; else docker where it answers and
    has (or can pull) the images; else native.
    """
    name, reason = _decide(settings)
    if name == "docker":
        from .docker import DockerEngine

        return DockerEngine(settings, report), reason
    from .native import NativeEngine

    return NativeEngine(settings, report), reason


def up(settings: Settings, engine: Engine) -> None:
    """Bring it up with this engine, which `choose` gives from then on. Raises StackError."""
    state.ensure(settings)
    before = state.active_engine(settings)
    state.remember_engine(settings, engine.name)
    try:
        engine.up()
    except BaseException:
        state.remember_engine(settings, before)
        raise


def data_folders(settings: Settings) -> dict[str, Path]:
    """The folders of this stack's data on this machine, by kind. Volumes of containers belong to the engine."""
    if state.active_engine(settings) == "docker":
        from . import docker

        return docker.data_folders()
    return {"stores": settings.state_dir, "gateway's queues": settings.data_dir}


def _decide(settings: Settings) -> tuple[str, str]:
    if settings.engine != "auto":
        return settings.engine, f"ENGINE={settings.engine} asks for it"
    if active := state.active_engine(settings):
        return active, "this stack was brought up with it"
    from . import docker

    usable, reason = docker.available(settings)
    return ("docker" if usable else "native"), reason
