"""The steps of the pipeline. Each takes a `Run`, returns values and imports no other step."""
