"""What is searched with: the picture with its parts, and files on their way in."""
