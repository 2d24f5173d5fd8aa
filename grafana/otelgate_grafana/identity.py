"""Labels that tell users or sessions apart, by the gateway's rule: collector/labelguard/identity.yaml."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

_FILE: Final = Path(__file__).resolve().parents[2] / "collector/labelguard/identity.yaml"
RULE: Final[dict[str, Any]] = yaml.safe_load(_FILE.read_text())
"""The file; it explains each key."""


def identifies(label: str) -> bool:
    """Whether the gateway removes a label of this name."""
    if re.sub("[_-]", "", label.lower()).endswith(tuple(RULE["ends"])):
        return True
    words = _words(label)
    return any(_says_who(word, words[place + 1 :]) for place, word in enumerate(words))


def refused(label: str) -> bool:
    """Whether a query may not name it: the gateway removes it, or no metric has it."""
    return identifies(label) or not set(RULE["queries"]).isdisjoint(_words(label))


def _says_who(word: str, later: list[str]) -> bool:
    if word in RULE["whole"]:
        return True
    if word not in RULE["subjects"] or later[:1] == ["agent"]:
        return False
    return not later or not set(RULE["which"]).isdisjoint(later)


def _words(label: str) -> list[str]:
    """The parts between punctuation and before capitals, in lower case: app.userId is app, user, id."""
    apart = re.sub(r"(?<![A-Z])(?=[A-Z])", " ", label)
    return [word.lower() for word in re.split(r"[\W_]+", apart) if word]
