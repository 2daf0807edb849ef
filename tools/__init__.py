"""What an operator runs beside the service; nobody imports it."""
