"""The process and the operating system: signals, descriptors, memory, standard streams."""
