"""The words of a vote, as the SDK's `feedback` accepts them, and the equivalent points."""

from __future__ import annotations

from typing import Final

WORDS: Final = {"positive": "positive", "negative": "negative", "up": "positive", "down": "negative"}
"""As given -> as stored."""
STORED: Final = tuple(dict.fromkeys(WORDS.values()))
POINTS: Final = {1: "negative", 2: "negative", 3: None, 4: "positive", 5: "positive"}
"""A score -> its word; None: neither."""
