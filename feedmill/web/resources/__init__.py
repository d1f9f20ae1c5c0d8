"""The endpoints, a module a resource; each has a tuple `ENDPOINTS`."""
