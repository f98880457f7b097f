"""The life of one render job."""
