"""The words of a vote, as the SDK's `feedback` accepts them, and the equivalent points."""

from __future__ import annotations

from typing import Final

from otelgate import names

WORDS: Final = names.RATINGS
STORED: Final = tuple(dict.fromkeys(WORDS.values()))
POINTS: Final = names.RATING_POINTS
