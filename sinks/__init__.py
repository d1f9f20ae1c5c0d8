"""Rows to durable: one kind of store, one package. Imports only `engine`."""
