"""What the last complete run has read already: known by fingerprints, never parsed again, and known to be without effect.

A pure optimisation under one law: with and without the screen every table ends the same. numpy is imported when the first big
document is met, not before.
"""
