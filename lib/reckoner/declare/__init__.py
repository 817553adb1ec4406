"""What a book declares: worksheets, parameters, formulas, units, and the data files behind them."""
