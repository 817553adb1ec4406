"""What happened after the article: dated facts, and its predictions scored."""
