"""Suppliers and their feeds: what there is, how it fares, how it is set."""
