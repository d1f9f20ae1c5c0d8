"""The parts of the CSV mapper that have a theme of their own."""
