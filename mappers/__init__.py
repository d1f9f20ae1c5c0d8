"""Bytes to rows, without I/O. Imports only `engine`."""
