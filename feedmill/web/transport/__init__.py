"""Below the API: connections and their bounds, TLS, proxies in front, and what every answer carries."""
