"""The parts of the JSON mapper: values as written, where the records stand, which columns they make."""
