"""What every collection is and answers, in files or on a server."""
