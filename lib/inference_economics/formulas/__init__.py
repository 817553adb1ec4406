"""The formulas, by subject: pure functions of named quantities."""
