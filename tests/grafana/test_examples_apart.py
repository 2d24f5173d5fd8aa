"""A stack of one's own shows nothing of the applications in examples/: these have dashboards and alerts apart."""

import re
from pathlib import Path

import pytest
import yaml
from otelgate_grafana import main, names, provisioning, uids
from otelgate_grafana.__main__ import RENDERED
from otelgate_grafana.alerts.rules import ALERTS, EXAMPLE_GROUPS, STACK_GROUPS
from otelgate_grafana.render import text
from otelgate_stack import settings
from otelgate_stack.config import example_files

EXAMPLES = {dashboard.uid for dashboard in main.DASHBOARDS if dashboard.folder == uids.APPLICATIONS_FOLDER}
OWN = {
    instrument.series
    for instrument in names.INSTRUMENTS
    if re.match(r"(osool|execora|estate|bestbox)\.", instrument.name)
}


@pytest.mark.parametrize(
    "alert", [alert for group in STACK_GROUPS for alert in group.alerts], ids=lambda alert: alert.name
)
def test_an_alert_of_every_stack_is_about_any_application(alert: object) -> None:
    assert alert.dashboard not in EXAMPLES
    assert not [series for series in OWN if re.search(rf"\b{series}\b", alert.expr)]
    assert 'event_name="' not in alert.expr, "a product event of one application"


def test_no_dashboard_of_every_stack_links_to_one_of_an_example() -> None:
    for dashboard in main.DASHBOARDS:
        if dashboard.uid not in EXAMPLES:
            assert not [uid for uid in EXAMPLES if f"/d/{uid}" in text(dashboard)], dashboard.name


def test_every_alert_is_in_one_of_the_two_files() -> None:
    files = (RENDERED / "rules" / "alerts.yaml", RENDERED / "rules" / "examples" / "alerts.yaml")
    stack, examples = (
        [rule["alert"] for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
        for file in files
    )
    assert [*stack, *examples] == [alert.name for alert in ALERTS]
    assert set(examples) == {alert.name for group in EXAMPLE_GROUPS for alert in group.alerts}
    assert {"LiquidityPoolDrained", "NoReservations"} <= set(examples)


def test_examples_bring_their_own_once(tmp_path: Path) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path / "state")})
    example_files.prepare(loaded)
    folder = example_files.folder(loaded)
    assert {path.name for path in folder.rglob("*") if path.is_file()} == set()  # what `make up` alone gives
    (folder / "dashboards" / "of-an-older-release.json").touch()
    assert example_files.install(loaded) is True
    assert {path.name for path in (folder / "rules").iterdir()} == {"alerts.yaml"}
    assert {path.name for path in (folder / "dashboards").iterdir()} == {
        f"{dashboard.name}.json" for dashboard in main.DASHBOARDS if dashboard.uid in EXAMPLES
    }
    assert example_files.install(loaded) is False  # Prometheus has read them
    (folder / "rules" / "alerts.yaml").unlink()
    assert example_files.install(loaded) is True


def test_grafana_looks_for_them_where_they_are_installed() -> None:
    paths = {provider["folder"]: provider["options"]["path"] for provider in provisioning.load("providers")}
    assert paths == {
        uids.SHARED_FOLDER: "$OTELGATE_GRAFANA_DASHBOARDS",
        uids.APPLICATIONS_FOLDER: "$OTELGATE_GRAFANA_EXAMPLES",
    }
