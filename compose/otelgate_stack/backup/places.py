"""The places of the stores' data in each engine, and how to copy them out and back in."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from .. import state
from ..build import images
from ..engines import compose_cli, docker_client
from ..engines.services import services
from ..report import Report
from ..service_table import ORDER
from ..settings import Settings
from .archive import Packed

_CHUNK = 1 << 20


class Places(Protocol):
    """The data of one engine's stores, by service name."""

    def filled(self) -> list[str]:
        """The stores that have data, in the order data flows."""

    def size(self, name: str) -> int | None:
        """Bytes of a store's data; None where that isn't told."""

    def pack(self, name: str, packed: Packed) -> None:
        """Write a store's data as a tar; the store must not be running."""

    def unpack(self, name: str, source: IO[bytes]) -> None:
        """Make a store's data those of a tar, in place of what was there, once `settle` is called."""

    def settle(self) -> None:
        """Replace the data by the unpacked ones."""


def in_order(names: list[str]) -> list[str]:
    """The gateway first: what its queue held is then also in a store at worst, never in neither."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


class Folders:
    """The native engine's: a folder for each store."""

    def __init__(self, settings: Settings) -> None:
        # Also those of the trace store that the settings leave out; never the state folder itself.
        known = {service.name: service.data_dir for service in services(settings, ORDER)}
        self._folders = {name: data for name, data in known.items() if not settings.state_dir.is_relative_to(data)}
        self._drafts: dict[str, Path] = {}

    def filled(self) -> list[str]:
        return in_order([name for name, folder in self._folders.items() if state.files(folder)])

    def size(self, name: str) -> int | None:
        return state.folder_bytes(self._folders[name])

    def pack(self, name: str, packed: Packed) -> None:
        pack_folder(self._folders[name], packed)

    def unpack(self, name: str, source: IO[bytes]) -> None:
        draft = self._folders[name].with_name(f"{self._folders[name].name}.restoring")
        shutil.rmtree(draft, ignore_errors=True)
        self._drafts[name] = draft
        unpack_folder(draft, source)

    def settle(self) -> None:
        for name, draft in self._drafts.items():
            folder = self._folders[name]
            if folder.exists():
                shutil.rmtree(folder)
            draft.rename(folder)
        for name in set(self._folders) - set(self._drafts):  # of a stack that had more stores
            shutil.rmtree(self._folders[name], ignore_errors=True)


class Volumes:
    """The docker engine's: a volume `<store>-data` for each store, reached through a container that never runs.

    It is mounted a folder deeper, since Docker doesn't give the top folder of an archive its owner.
    """

    def __init__(self, settings: Settings, report: Report, client: Any) -> None:
        self._client = client
        self._project = compose_cli.project(settings)
        self._image = images.build_gateway(settings, report, client)

    def filled(self) -> list[str]:
        found = self._client.volumes.list(filters={"label": f"com.docker.compose.project={self._project}"})
        names = [str(volume.attrs["Labels"]["com.docker.compose.volume"]) for volume in found]
        return in_order([name.removesuffix("-data") for name in names if name.endswith("-data")])

    def size(self, name: str) -> int | None:
        return None

    def pack(self, name: str, packed: Packed) -> None:
        with self._beside(name) as container:
            chunks, _ = container.get_archive("/volume/data", chunk_size=_CHUNK)
            for chunk in chunks:
                packed.write(chunk)

    def unpack(self, name: str, source: IO[bytes]) -> None:
        labels = {"com.docker.compose.project": self._project, "com.docker.compose.volume": f"{name}-data"}
        self._client.volumes.create(self._volume(name), labels=labels)
        with self._beside(name) as container:
            container.put_archive("/volume", source)

    def settle(self) -> None:
        """They are where they belong."""

    @contextmanager
    def _beside(self, name: str) -> Iterator[Any]:
        volumes = {self._volume(name): {"bind": "/volume/data", "mode": "rw"}}
        container = self._client.containers.create(self._image, volumes=volumes, network_mode="none")
        try:
            yield container
        finally:
            container.remove()

    def _volume(self, name: str) -> str:
        return f"{self._project}_{name}-data"


@contextmanager
def places(engine: str, settings: Settings, report: Report) -> Iterator[Places]:
    """Those of the engine of this name."""
    if engine == "native":
        yield Folders(settings)
        return
    with docker_client.connect() as client:
        yield Volumes(settings, report, client)


def pack_folder(folder: Path, packed: Packed) -> None:
    """A folder as a tar; sockets are left out."""
    with tarfile.open(fileobj=packed, mode="w|", bufsize=_CHUNK) as tar:  # type: ignore[call-overload]
        tar.add(folder, arcname=".")


def unpack_folder(folder: Path, source: IO[bytes]) -> None:
    """The folder of a tar: files belong to this user, and only this user can read them."""
    state.make_folder(folder)

    def ours(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        return tarfile.data_filter(member, path).replace(mode=0o700 if member.isdir() else 0o600, deep=False)

    with tarfile.open(fileobj=source, mode="r|", bufsize=_CHUNK) as tar:
        tar.extractall(folder, filter=ours)
