"""The OpenAPI document, out of the same declarations that routes and checks are made of, and the pages made of it."""
