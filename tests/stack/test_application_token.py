"""`make token`: what it prints is what the gateway takes."""

import hashlib
import io
import re

import pytest
import yaml
from otelgate_stack.commands import application_token
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report


def printed(name: str, *services: str) -> str:
    output = io.StringIO()
    application_token.show(application_token.make(name, services), Report(output))
    return output.getvalue()


@pytest.mark.parametrize(("services", "expected"), [((), ["shop"]), (("shop-*", "till"), ["shop-*", "till"])])
def test_print_a_token_gives_its_hash_and_services(services: tuple[str, ...], expected: list[str]) -> None:
    text = printed("shop", *services)
    found = re.search(r"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20([\w-]{43})$", text, re.MULTILINE)
    assert found
    (entry,) = yaml.safe_load(text[text.index("  - name") :])
    assert entry == {
        "name": "shop",
        "token_sha256": [hashlib.sha256(found[1].encode()).hexdigest()],
        "services": expected,
    }


def test_print_two_tokens_are_different() -> None:
    assert printed("shop") != printed("shop")


@pytest.mark.parametrize("service", ["", "[a-z]*", "a/b", "a\\b", "a\n", "x" * 256, "Otelgate-audit"])
def test_print_a_token_for_a_bad_service_is_refused(service: str) -> None:
    with pytest.raises(StackError, match=f"^SERVICE={re.escape(repr(service))}: expected a service's name"):
        printed("shop", "shop-*", service)


@pytest.mark.parametrize("name", ["", "a b", "otelgate-audit", "x" * 64, "-a"])
def test_print_a_token_for_no_name_is_refused(name: str) -> None:
    with pytest.raises(StackError, match="expected 1 to 63 letters"):
        printed(name)
