"""Pictures are rendered in child processes, so that one whose decoder crashes, swells or hangs fails alone."""
