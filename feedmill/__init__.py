"""The face: public API and CLI."""
