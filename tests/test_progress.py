"""A run says which test it is at."""

import re
from pathlib import Path

from nested_pytest import passing_run


def test_what_runs_for_long_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        'import progress_plugin\n\nprogress_plugin.EVERY_S = 0.5\npytest_plugins = ["progress_plugin"]\n'
    )
    (tmp_path / "test_it.py").write_text(
        "import time\n\ndef test_long() -> None:\n    time.sleep(2)\n\ndef test_short() -> None: ...\n"
    )
    named = re.findall(r"^… running for 0 min: (.*)$", passing_run(root, tmp_path, "-n", "2"), re.MULTILINE)
    assert len(named) > 1
    assert set(named) == {"test_it.py::test_long"}
