"""Diagnostics as pure functions of arrays, computed outside the timed training step."""

from bnjax.probes.dying import FlatHistory, flat_updates, silent_units

__all__ = ["FlatHistory", "flat_updates", "silent_units"]
