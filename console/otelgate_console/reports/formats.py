"""Writes a report: as HTML for mail and pages, and as Markdown."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from .. import templating
from ..data import analytics
from .gather import Report


def html(report: Report, console_url: str) -> str:
    """A whole page for mail clients: tables, style attributes, no image and no script. Links lead to the console."""
    return _HTML.get_template("report_mail.html").render(report=report, url=console_url.rstrip("/"), body=body)


def body(report: Report, console_url: str) -> Markup:
    """The part that the mail and the console's page share."""
    return Markup(_HTML.get_template("report_body.html").render(report=report, url=console_url.rstrip("/")))


def markdown(report: Report, console_url: str) -> str:
    """For files, issues and chats."""
    return _TEXT.get_template("report.md.jinja").render(report=report, url=console_url.rstrip("/"))


def number(value: Any, unit: str = "") -> str:
    """A number in words: money, a share, seconds, or a count."""
    if value is None:
        return "-"
    match unit:
        case "usd":
            return f"${value:,.2f}" if abs(value) >= 1 else f"${value:.4f}"
        case "percent":
            return f"{value * 100:.1f} %"
        case "seconds":
            return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def change(value: float | None) -> str:
    """A relative change, with its sign."""
    return "-" if value is None else f"{value * 100:+.1f} %"


def cell(text: Any) -> str:
    """A text in a cell of a Markdown table: markup in it stays text."""
    plain = " ".join(str("-" if text is None else text).split())
    for character in "\\`*_{}[]<>#|!":
        plain = plain.replace(character, f"\\{character}")
    return plain


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "number": number,
    "change": change,
    "title": analytics.title,
    "unit": analytics.unit,
    "cell": cell,
}
_HTML: Final = templating.environment(_FILTERS)
_TEXT: Final = templating.environment(_FILTERS, markup=False)
