"""The command line, and the commands that need no folder of their own. Only `__main__` imports it."""
