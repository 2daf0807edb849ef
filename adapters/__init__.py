"""One module for each system outside; the only importers of the vendors' packages."""
