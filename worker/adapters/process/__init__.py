"""The process among others: its signals, its descriptors, its three standard streams."""
