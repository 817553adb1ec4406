"""What a reader sees of it: sentences, figures, tables, pages."""
