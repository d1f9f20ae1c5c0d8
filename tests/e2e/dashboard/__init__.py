"""The pages in a browser. A package, so that its tests can share one."""
