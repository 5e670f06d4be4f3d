"""What the platform does, in plain Python: no clock, no file, no socket. ``system.System`` holds it together."""
