"""The world outside, on one machine: AWS emulators, the backend that is called back, and media to send."""
