"""Plain frozen data that every layer shares. Nothing here reads a file, a clock or a network."""
