"""What a job is and what happens to it. Standard library only, and of that nothing that does I/O."""
