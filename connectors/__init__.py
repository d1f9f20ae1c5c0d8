"""Bytes from elsewhere: one protocol of the wire, one module. Imports only `engine`."""
