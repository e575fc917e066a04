"""What travels to the browser before the page draws anything: its scripts, its head, small pictures."""
