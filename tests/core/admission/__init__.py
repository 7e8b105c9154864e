"""Whether one more request may go to the partner now."""
