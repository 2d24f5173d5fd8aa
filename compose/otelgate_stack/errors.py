"""Errors whose text is meant for the person at the terminal; the CLI prints it and no traceback."""


class StackError(Exception):
    """Something the stack needs is missing or failed; the text says what, and what to do. Exit code 1."""


class SettingsError(StackError):
    """A setting is unknown or has a bad value; one line for each. Exit code 2."""


class CheckError(StackError):
    """A check could not be made, so nothing is known. Exit code 2, since 1 says that it has found something."""
