"""Files as such: whole or not at all, locked, unpacked, downloaded, hashed. Knows no pictures."""
