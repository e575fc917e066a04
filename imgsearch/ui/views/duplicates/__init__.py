"""The duplicates view: what the collection holds more than once, found by a process of its own."""
