"""The parts of the XML mapper."""
