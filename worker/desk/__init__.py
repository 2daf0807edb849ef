"""The operators' commands. `run` and `health` import nothing of it."""
