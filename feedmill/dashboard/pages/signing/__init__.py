"""Who may use the dashboard: signing in and out, the first password, people."""
