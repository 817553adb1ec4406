"""The machinery of an executable book: formulas, parameters, ledger, figures, build.

Nothing here knows what the book is about. A book brings a package of formulas and data
files, and describes itself in one `reckoner.book.Book`.
"""
