"""The shared volume: layout, homes and records. File system I/O with the standard library."""
