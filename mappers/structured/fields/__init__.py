"""Which values of a record are its cells: names and paths, resolved against the document, and the columns they make."""
