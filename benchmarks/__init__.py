"""How fast Feedmill is and how much memory it takes: `python -m benchmarks`. Each subject runs in a process of its own."""
