"""Snapshot policy as code: declare, plan, apply, restore."""

from snapplan.version import __version__

__all__ = ["__version__"]
