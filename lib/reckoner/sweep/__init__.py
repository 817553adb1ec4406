"""A chapter at many points: the grid, its evaluation, its table and its picture."""
