"""Whether one more request may go to the partner now, and how that is learned: one file per rule."""
