"""One module for each thing out there; the only importers of the vendors' packages."""
