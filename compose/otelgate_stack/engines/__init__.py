"""The two ways to run the stack: `native` (processes under supervisor) and `docker` (compose). Same config files."""
