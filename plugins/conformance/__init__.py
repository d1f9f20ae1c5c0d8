"""The conformance kits: what a connector, a mapper and a sink must do, as checks that a plugin's own tests can run."""
