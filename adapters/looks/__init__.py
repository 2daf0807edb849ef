"""What AWS and the backend say of the place in which the worker works. A look costs a few requests at most."""
