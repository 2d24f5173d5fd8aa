"""`otelgate deploy`, `backup`, `restore`, `annotate`, `token` and `tool`; each imports its own work when it runs."""

from pathlib import Path

import click

from .. import settings as settings_module
from ..report import Report
from .command import PATH, as_json, choose, print_json, progress


@click.command(help="check, start, migrate, verify; exit status 1 and the step's name if one fails")
@click.option("--check", is_flag=True, help="look at the prerequisites only")
@as_json
def deploy(check: bool, as_json: bool) -> int:
    from . import deploy

    return deploy.run(settings_module.load, Report(), check=check, as_json=as_json)


@click.command(help="copy every store and the generated secrets into one file in a folder")
@click.argument("folder", type=PATH)
@as_json
def backup(folder: Path, as_json: bool) -> int:
    from ..backup import archive, backup

    settings, report = settings_module.load(), progress(as_json)
    file = backup.backup(settings, choose(settings, report), report, folder.expanduser().resolve())
    if as_json:
        with archive.read(file) as written:
            print_json({"file": str(file), "bytes": file.stat().st_size, **archive.described(written.manifest)})
    return 0


@click.command(help="replace this stack's data by those of a backup")
@click.argument("file", type=PATH)
@click.option("--force", is_flag=True, help="even if there are data already: they go")
@as_json
def restore(file: Path, force: bool, as_json: bool) -> int:
    from ..backup import archive, backup

    settings, report, path = settings_module.load(), progress(as_json), file.expanduser().resolve()
    manifest = backup.restore(settings, choose(settings, report), report, path, force=force)
    if as_json:
        print_json({"file": str(path), **archive.described(manifest)})
    report.line(f"\nrestored what was there at {manifest.made_at}")
    report.line("next: " + report.style("make up && make audit-verify", "bold"))
    return 0


@click.command(help="annotate every dashboard: deployment, launch, campaign, change, outage")
@click.argument("event")
@click.option("--version", help="what was deployed")
@click.option("--service", help="only where this service is shown (default: everywhere)")
@click.option("--text", help="what the line says")
@as_json
def annotate(event: str, version: str | None, service: str | None, text: str | None, as_json: bool) -> int:
    from . import annotate

    annotation = annotate.Annotation(event, version, service, text)
    drawn = annotate.run(settings_module.load(), annotation, progress(as_json))
    if as_json:
        print_json(drawn)
    return 0


@click.command(help="print a new token for an application, and the entry to add to OTELGATE_APPLICATIONS_FILE")
@click.argument("application")
@click.option("--service", multiple=True, help="a service that it may send as; * stands for any text; repeatable")
@as_json
def token(application: str, service: tuple[str, ...], as_json: bool) -> int:
    from . import application_token

    made = application_token.make(application, service)
    if as_json:
        print_json({"token": made.token, "header": made.header, "entry": made.entry})
    else:
        application_token.show(made, Report())
    return 0


@click.command(
    help="run amtool or promtool with these arguments; builds them if necessary",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("name", type=click.Choice(["amtool", "promtool"]))
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT]...", type=click.UNPROCESSED)
def tool(name: str, arguments: tuple[str, ...]) -> int:
    from . import tools

    return tools.run(settings_module.load(), name, arguments)


COMMANDS = (deploy, backup, restore, annotate, token, tool)
