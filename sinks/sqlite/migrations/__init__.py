"""The history of the schema, inside the package so that the wheel carries it."""
