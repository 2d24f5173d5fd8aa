"""The event of `make annotate`: the text as it was written, in the form of one word that the audit store keeps."""

import re
import sqlite3

import pytest
from otelgate_grafana import annotations
from otelgate_stack.commands.annotate import Annotation
from otelgate_stack.errors import StackError


@pytest.mark.parametrize("text", ["checkout agent", "two  spaces", "C++ at 100 %2B", "größer 名前", "a-b_c"])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    """The dashboards' expression in SQL, by a database that needs no server."""
    sent = Annotation("deployment", text=text).attributes[annotations.SENTENCE]
    assert re.fullmatch(r"\S{1,64}", sent)
    query = "SELECT " + annotations.AS_TEXT.replace(f"attributes ->> '{annotations.SENTENCE}'", "?")
    assert sqlite3.connect(":memory:").execute(query, [sent]).fetchone() == (text,)


def test_too_long_text_is_quoted_in_error() -> None:
    with pytest.raises(StackError) as caught:
        Annotation("change", text="two words " * 7)
    assert str(caught.value).startswith("TEXT='two words two words ")
    assert str(caught.value).endswith("': expected 64 bytes or fewer")


def test_a_version_of_two_words_is_refused() -> None:
    with pytest.raises(StackError) as caught:
        Annotation("deployment", version="1.4 beta")
    assert str(caught.value) == "VERSION='1.4 beta': expected one word"
