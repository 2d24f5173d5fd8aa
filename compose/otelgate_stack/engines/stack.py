"""The stack of these settings: which engine runs it, how it is brought up, where its data are."""

from pathlib import Path

from .. import state
from ..report import Report
from ..settings import Settings
from . import docker
from .engine import Engine
from .native import NativeEngine


def choose(settings: Settings, report: Report) -> tuple[Engine, str]:
    """The engine to use and the reason, for people.

    `ENGINE` forces one. Else: the one that this state folder was brought up with; else docker where it answers and
    has (or can pull) the images; else native.
    """
    name, reason = _decide(settings)
    if name == "docker":
        return docker.DockerEngine(settings, report), reason
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
    """Where the data of this stack are on this machine, by what they are. Containers' are the engine's."""
    if state.active_engine(settings) == "docker":
        return docker.data_folders()
    return {"stores": settings.state_dir, "gateway's queues": settings.data_dir}


def _decide(settings: Settings) -> tuple[str, str]:
    if settings.engine != "auto":
        return settings.engine, f"ENGINE={settings.engine} asks for it"
    if active := state.active_engine(settings):
        return active, "this stack was brought up with it"
    usable, reason = docker.available(settings)
    return ("docker" if usable else "native"), reason
