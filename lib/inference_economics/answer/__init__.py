"""Which chip is cheaper, and with what odds: the one function that every conclusion calls."""
