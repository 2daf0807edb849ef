"""The steps of the pipeline: ports in, values out, independent of each other."""
