"""The animals: built in three dimensions, in coats and poses."""
