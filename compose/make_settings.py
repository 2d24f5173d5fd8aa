"""Writes the copies of settings.yaml: tables in Go and Python, and marked parts of compose.yaml and of
docs/reference/settings.md.

And the parts of compose.yaml that follow from the table of services.

`make generate` runs it. With --check it writes nothing and names the files that differ; exit status 1 if one does.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import make_services
import yaml
from generated import MARKDOWN, ROOT, Marked, formatted, write
from otelgate_audit import kinds

CONFIG: Final = ROOT / "collector" / "config"
SOURCE: Final = ROOT / "compose" / "settings.yaml"
BY: Final = "Generated from compose/settings.yaml by `make generate`."
PYTHON: Final = {
    "boolean": "bool",
    "whole": "int",
    "port": "int",
    "path": "Path",
    "file": "Path",
    "retention": "timedelta",
    "origins": "tuple[str, ...]",
}
"""Types of fields, by kind; str for the others."""


@dataclass(frozen=True)
class Setting:
    """An entry of settings.yaml. `stack`: its default there, False where the stack has it not."""

    name: str
    kind: str
    expected: str
    doc: str
    default: str = ""
    env: str = ""
    stack: str | bool = True
    readers: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    values: tuple[str, ...] = ()
    container: Any = None

    @property
    def of_stack(self) -> bool:
        """Whether docs/reference/settings.md has it among the stack's own."""
        return not self.readers

    @property
    def of_sink(self) -> bool:
        return bool({"sink", "keeper"} & set(self.readers))

    def stack_default(self) -> str:
        return self.stack if isinstance(self.stack, str) else self.default

    def inside(self, reader: str) -> str | None:
        """Its value in the reader's container, None if it is not passed."""
        if isinstance(self.container, Mapping):
            return self.container.get(reader)
        if self.container is not None:
            return str(self.container)
        return None if self.kind == "port" else f"${{{self.env}:-{self.passed()}}}"

    def passed(self) -> str:
        """The default as `make up` passes it on: durations in hours."""
        row = kinds.Row(self.name, self.env, self.kind, self.default, self.expected, self.doc)
        return kinds.show(row.parse(self.default, Path())) if self.kind == "retention" else self.default


def expected(entry: Mapping[str, Any], words: str) -> str:
    match entry["kind"], entry.get("least"), entry.get("most"):
        case "one_of", _, _:
            return f"{words} {', '.join(entry['values'])}"
        case "whole", least, None:
            return f"{words} of at least {least}"
        case "whole", least, most:
            return f"{words} from {least} to {most}"
    return words


def entries(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Those of the file, with the services' own in their places."""
    for name, entry in settings.items():
        match entry:
            case {"ports_of": of}:
                yield from make_services.ports(of)
            case {"endpoints_of": of}:
                yield from make_services.endpoints(of)
            case _:
                yield name, entry


def load() -> list[Setting]:
    source = yaml.safe_load(SOURCE.read_text())
    made = []
    for name, entry in entries(source["settings"]):
        tuples = {key: tuple(entry.get(key, ())) for key in ("readers", "values")}
        words = expected(entry, source["kinds"][entry["kind"]]["expected"])
        env = entry.get("env", f"OTELGATE_{name.upper()}")
        made.append(Setting(**{**entry, **tuples, "name": name, "env": env, "expected": words}))
    return made


def go(settings: list[Setting]) -> str:
    rows = []
    for each in settings:
        if "gateway" in each.readers:
            functions = {
                "whole": f"whole({each.least}, {each.most or 0})",
                "one_of": f"oneOf({', '.join(map(quoted, each.values))})",
                "url": "httpURL",  # the package url has the other name
            }
            kind = functions.get(each.kind, each.kind)
            rows.append(f"\t{{{quoted(each.name)}, {quoted(each.default)}, {kind}, {quoted(each.expected)}}},")
    lines = [
        f"// Code generated. DO NOT EDIT. {BY}",
        "",
        "package settings",
        "",
        "// ownQueues is the number of export queues in ../config without overlays.",
        f"const ownQueues = {queues()}",
        "",
        "// Table holds every setting of the gateway.",
    ]
    written = "\n".join([*lines, "var Table = []Setting{", *rows, "}", ""])
    return subprocess.run(["gofmt"], input=written, capture_output=True, text=True, check=True).stdout


def queues() -> int:
    """The number of exporters with a queue in the pipelines of the gateway's configuration, without overlays."""
    exporters, service = (yaml.safe_load((CONFIG / name).read_text()) for name in ("60-export.yaml", "90-service.yaml"))
    queued = {name for name, exporter in exporters["exporters"].items() if "sending_queue" in (exporter or {})}
    return len(queued & {name for each in service["service"]["pipelines"].values() for name in each["exporters"]})


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def python(settings: list[Setting], default: Callable[[Setting], str], row: str) -> str:
    """A module with the class `Fields` and the table `ROWS`."""
    fields, rows = [], []
    for each in settings:
        kind = PYTHON.get(each.kind, "str")
        optional = "" if default(each) or each.kind == "origins" else " | None"
        fields.append(f"    {each.name}: {kind}{optional}")
        rows += [f"    Row({', '.join(arguments(each, default(each)))}),"]
    lines = [f'"""{BY} Do not edit."""', "# ruff: noqa: E501", "", "from dataclasses import dataclass"]
    imports = {"timedelta": "from datetime import timedelta", "Path": "from pathlib import Path"}
    lines += [line for name, line in imports.items() if any(f": {name}" in each for each in fields)]
    lines += ["from typing import Final", "", row, "", "", "@dataclass(frozen=True, kw_only=True)", "class Fields:"]
    lines += ['    """The value of each setting."""', "", *fields, "", "", "ROWS: Final = (", *rows, ")"]
    return formatted("\n".join([*lines, ""]))


def arguments(each: Setting, default: str) -> Iterator[str]:
    yield from map(quoted, (each.name, each.env, each.kind, default, each.expected, each.doc))
    if each.readers:
        yield f"readers=frozenset({{{', '.join(map(quoted, sorted(each.readers)))}}})"
    for name in ("least", "most"):
        if (bound := getattr(each, name)) is not None:
            yield f"{name}={bound}"
    if each.values:
        yield f"values={each.values!r}"


def environment(settings: list[Setting], reader: str, indent: int) -> str:
    """The lines of a container's `environment`."""
    values = {each.env: each.inside(reader) for each in settings if reader in each.readers}
    return "".join(f"{' ' * indent}{env}: {scalar(value)}\n" for env, value in values.items() if value is not None)


def scalar(text: str) -> str:
    return text if yaml.safe_load(f"a: {text}") == {"a": text} else quoted(text)


def markdown(settings: list[Setting], default: Callable[[Setting], str]) -> str:
    lines = ["| setting | default | expected | meaning |", "|---|---|---|---|"]
    texts = {"cache": "~/.cache"}
    for each in settings:
        text = texts[each.name] = default(each).format_map(texts) if "{" in default(each) else default(each)
        lines.append(f"| `{each.env}` | {f'`{text}`' if text else ''} | {each.expected} | {each.doc} |")
    return "\n".join(lines) + "\n"


def compose(settings: list[Setting]) -> str:
    page = Marked((ROOT / "compose/compose.yaml").read_text())
    for reader, indent in (("sink", 4), ("gateway", 6), ("keeper", 6)):
        page.replace(f"settings of the {reader}", environment(settings, reader, indent))
    defaults = {each.name: each.passed() for each in settings if each.stack is not False}
    for name, part in make_services.parts(defaults).items():
        page.replace(name, part)
    return page.text


def docs(settings: list[Setting]) -> str:
    page = Marked((ROOT / "docs/reference/settings.md").read_text(), MARKDOWN)
    of_stack = [each for each in settings if each.stack is not False]
    own = markdown(of_stack, Setting.stack_default).splitlines(keepends=True)
    alone = {f"| `{each.env}` " for each in of_stack if each.of_stack}
    page.replace("stack", "".join([*own[:2], *(line for line in own[2:] if line.startswith(tuple(alone)))]))
    page.replace(
        "gateway", markdown([each for each in settings if "gateway" in each.readers], lambda each: each.default)
    )
    page.replace("sink", markdown([each for each in settings if each.of_sink], lambda each: each.default))
    return page.text


def outputs() -> dict[Path, str]:
    settings = load()
    sink = [each for each in settings if each.of_sink]
    stack = [each for each in settings if each.stack is not False]
    return {
        ROOT / "collector/settings/table.go": go(settings),
        ROOT / "audit/otelgate_audit/settings_table.py": python(
            sink, lambda each: each.default, "from .kinds import Row"
        ),
        ROOT / "compose/otelgate_stack/settings_table.py": python(
            stack, Setting.stack_default, "from otelgate_audit.kinds import Row"
        ),
        ROOT / "compose/compose.yaml": compose(settings),
        ROOT / "docs/reference/settings.md": docs(settings),
    }


if __name__ == "__main__":
    sys.exit(write(outputs()))
