"""`otelgate sbom` and `vulnerabilities`; each imports its own work when it runs."""

from pathlib import Path

import click

from .. import settings as settings_module
from ..report import Report
from .command import PATH, as_json, print_json, progress


@click.command(
    help="write the parts of each program (or those named) and of the Python lock into a folder, as CycloneDX"
)
@click.argument("folder", type=PATH)
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...")
@as_json
def sbom(folder: Path, programs: tuple[str, ...], as_json: bool) -> int:
    from ..build import sbom

    written = sbom.run(settings_module.load(), progress(as_json), folder.expanduser().resolve(), programs)
    if as_json:
        print_json([{"file": str(file), "components": count} for file, count in written.items()])
    return 0


@click.command(
    help="list known vulnerabilities of all programs and packages; exit status 1 if there are any, 2 if the"
    " check failed"
)
@click.option("--called", is_flag=True, help="leave out code that no program calls")
@as_json
def vulnerabilities(called: bool, as_json: bool) -> int:
    from ..build import vulnerabilities

    return vulnerabilities.run(settings_module.load(), Report(), as_json=as_json, called_only=called)


COMMANDS = (sbom, vulnerabilities)
