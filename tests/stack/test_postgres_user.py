"""The system user that root's PostgreSQL runs as, where several stacks start concurrently."""

import os
import pwd
import threading

import pytest
from otelgate_stack.engines import postgres


def test_stacks_that_start_together_make_the_user_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    second_waits = threading.Event()

    def ensure(name: str) -> pwd.struct_passwd:
        if name not in made:  # as the package: look, then useradd, which fails where the user is there meanwhile
            second_waits.wait(0.2)  # long enough for another thread, if it could enter
            assert name not in made
            made.append(name)
        return pwd.getpwuid(os.geteuid())

    monkeypatch.setattr(postgres.pgserver, "ensure_user_exists", ensure)
    failures: list[BaseException] = []

    def start() -> None:
        try:
            postgres._system_user()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert made == [postgres.SYSTEM_USER]
