"""Whether the worker can do its work where it is: facts in, findings out."""
