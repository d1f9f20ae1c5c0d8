"""Regular records read without a parser."""
