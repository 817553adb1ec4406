"""The kit: what a machine reaches, measured for the argument of the book."""
