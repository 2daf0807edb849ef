"""Pictures: what becomes of a photo, with Pillow."""
