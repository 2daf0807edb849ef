"""The listing's bundle: a ZIP of which S3 copies by itself what it has already (docs/bundles.md)."""
