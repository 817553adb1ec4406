"""Whole machines, put together from the formulas: SRAM clusters, groups of GPUs, circuits."""
