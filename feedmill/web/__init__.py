"""The HTTP API: endpoints as data, one kernel that serves and describes them, resources that answer."""
