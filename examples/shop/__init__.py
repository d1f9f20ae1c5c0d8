"""Three suppliers on this machine, each with another way to hand out its stock."""
