"""The ledger: one entry for each committed record, so that a later change of the store is detected. See LEDGER.md."""

from .announcements import (
    HEAD_COUNT,
    HEAD_EVENT,
    HEAD_LINK,
    HEAD_SEQ,
    HEAD_SIGNATURE,
    announce,
    announced,
)
from .chain import ENTRIES, Chain, Entry, Head, advance, count_head, head, lock, locked_head, record_id
from .keys import NO_USER, Key, Keys, Owner, owner
from .proof import mac

__all__ = [
    "ENTRIES",
    "HEAD_COUNT",
    "HEAD_EVENT",
    "HEAD_LINK",
    "HEAD_SEQ",
    "HEAD_SIGNATURE",
    "NO_USER",
    "Chain",
    "Entry",
    "Head",
    "Key",
    "Keys",
    "Owner",
    "advance",
    "announce",
    "announced",
    "count_head",
    "head",
    "lock",
    "locked_head",
    "mac",
    "owner",
    "record_id",
]
