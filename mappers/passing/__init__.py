"""Passing over what a screen knows, where records are not lines: shared by XML and lists of JSON."""
