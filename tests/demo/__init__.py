"""The demonstration: that it ends well, and that it would say so if it did not."""
