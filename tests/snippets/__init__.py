"""Small mains around the programs of docs/backend.md."""
