"""Webhooks going out: what happened becomes payloads, payloads are delivered."""
