"""Coverage-guided fuzzing of the mappers (`make fuzz`): whatever bytes come, the only errors are our own, and memory has a bound."""
