"""What finds the nearest rows of a space."""
