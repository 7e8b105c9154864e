"""Files of a destination are read again while it runs."""
