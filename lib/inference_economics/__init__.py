"""Formulas and sourced constants for the economics of serving large language models."""
