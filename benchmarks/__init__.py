"""What the worker costs, next to what else one could use. Run with `make bench`."""
