"""A book of one chapter that fails at some points: for the tests of sweeps."""

from frail.roots import BOOK

__all__ = ["BOOK"]
