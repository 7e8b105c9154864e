"""What tests and `make` stand on: a real broker, helpers that talk to it, the coverage gate."""
