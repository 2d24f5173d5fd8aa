"""Accounts with a password: a name, a role and a bcrypt hash, in a file that only the console's account reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import bcrypt
import yaml

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LONGEST_PASSWORD: Final = 72
"""Bytes: bcrypt reads no more."""
_ROUNDS: Final = 12
# Checked for an unknown name, so that it takes as long as a wrong password.
_NO_ONE: Final = bcrypt.hashpw(b"", bcrypt.gensalt(_ROUNDS))


class Role(IntEnum):
    """The rights of an account; each role includes those before it."""

    VIEWER = 1
    """Numbers: dashboards, costs, users, alerts, health."""
    AUDITOR = 2
    """The content of conversations too; each reading is recorded."""
    ADMIN = 3
    """Silences, the doctor, settings, exports of content too."""

    @classmethod
    def named(cls, word: str) -> "Role":
        """Raises ValueError naming the roles."""
        try:
            return cls[word.upper()]
        except KeyError:
            names = ", ".join(role.name.lower() for role in cls)
            raise ValueError(f"role {word!r}: expected one of {names}") from None


@dataclass(frozen=True)
class Account:
    """Someone who is logged in."""

    name: str
    role: Role


class Accounts:
    """The accounts of a file, which is read again when it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_at = -1
        self._known: Mapping[str, tuple[Account, bytes]] = {}

    def check(self, name: str, password: str) -> Account | None:
        """The account, if that is its password, after a fifth of a second. Raises ValueError for a wrong file."""
        account, hashed = self._all().get(name, (None, _NO_ONE))
        given = password.encode()
        right = len(given) <= _LONGEST_PASSWORD and bcrypt.checkpw(given, hashed)
        return account if right else None

    def _all(self) -> Mapping[str, tuple[Account, bytes]]:
        changed = self._file.stat().st_mtime_ns
        if changed != self._read_at:
            self._known, self._read_at = parse(self._file.read_text(), self._file), changed
        return self._known


def parse(text: str, file: Path) -> dict[str, tuple[Account, bytes]]:
    """The accounts in a file's text. Raises ValueError naming the file, the account and what was expected."""
    tree = yaml.safe_load(text) or {}
    if not isinstance(tree, dict):
        raise ValueError(f"{file}: expected accounts, each a name with `role` and `password`")
    return {name: _account(name, entry, file) for name, entry in tree.items()}


def _account(name: Any, entry: Any, file: Path) -> tuple[Account, bytes]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{file}: account {name!r}: expected letters, digits, '.', '_', '@' and '-', at most 64")
    if not isinstance(entry, dict) or entry.keys() != {"role", "password"}:
        raise ValueError(f"{file}: account {name}: expected `role` and `password`")
    hashed = str(entry["password"])
    if not re.fullmatch(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}", hashed):
        raise ValueError(f"{file}: account {name}: password: expected a bcrypt hash")
    try:
        return Account(name, Role.named(str(entry["role"]))), hashed.encode()
    except ValueError as error:
        raise ValueError(f"{file}: account {name}: {error}") from None


def entry(role: Role, password: str) -> dict[str, str]:
    """An account's entry in the file. Raises ValueError for a password that is too long."""
    if len(password.encode()) > _LONGEST_PASSWORD:
        raise ValueError(f"a password of {len(password.encode())} bytes: expected at most {_LONGEST_PASSWORD}")
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
    return {"role": role.name.lower(), "password": hashed}
