"""The seam: hookspecs, the manager, the published conformance kit. Imports only `engine`."""
