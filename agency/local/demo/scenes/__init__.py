"""The lines of the demo, one module per topic."""
