"""The worksheets, one for each chapter: its inputs, its results, its live figure."""
