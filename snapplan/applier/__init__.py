"""Orders and runs the actions of a plan, and journals them."""
