"""README and the pages of docs: what they say is true of the program."""
