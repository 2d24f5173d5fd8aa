"""The console: the stack's own pages, on any machine. README.md in the folder above says how to use it."""
