"""The dashboard: pages made by the server, each a module, a template, and calls of the API for whoever is signed in."""
