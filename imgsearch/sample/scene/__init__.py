"""What animals stand in: rooms, landscapes, things."""
