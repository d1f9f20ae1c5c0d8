"""How a run moves: the transform, the channels, the pipeline, the tally."""
