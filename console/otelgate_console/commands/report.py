"""`otelgate-report daily|weekly|monthly`: writes the last report, or mails it."""

import asyncio
import smtplib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg
from otelgate_stack import settings

from .. import stack
from ..data.database import Database
from ..reports import formats, mail, period
from ..reports.gather import gather


@click.command()
@click.argument("kind", type=click.Choice(period.KINDS))
@click.option(
    "--format", "form", type=click.Choice(("md", "html")), default="md", show_default=True, help="As what to write it."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; without it, standard output."
)
@click.option("--service", "services", multiple=True, help="Only this service; may be given several times.")
@click.option("--mail", "to", help="Send it to these mail addresses, with commas between, by the server of the alerts.")
def main(kind: str, form: str, output: Path | None, services: Sequence[str], to: str | None) -> None:
    """Write the report of the last whole day, week or month, or send it by mail."""
    loaded = settings.load()
    wanted = period.last(kind, datetime.now(UTC))
    try:
        found = asyncio.run(gather(Database(stack.content(loaded)), stack.alerts(loaded), wanted, services))
    except psycopg.Error as error:
        raise click.ClickException(f"the audit store: {error}") from None
    url = stack.url(loaded)
    text = formats.markdown(found, url)
    if to:
        server = stack.mail_server(loaded)
        try:
            mail.send(server, mail.message(server, to, wanted.title, formats.html(found, url), text))
        except (OSError, smtplib.SMTPException) as error:
            raise click.ClickException(f"mail server {server.host}: {error}") from None
        click.echo(f"sent to {to}: {wanted.title}", err=True)
    elif output:
        output.write_text(text if form == "md" else formats.html(found, url))
        click.echo(f"written to {output}: {wanted.title}", err=True)
    else:
        click.echo(text if form == "md" else formats.html(found, url), nl=False)


if __name__ == "__main__":
    sys.exit(main())
