"""One file per command, parsing only; one mapping of exit codes."""
