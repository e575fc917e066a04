"""What can be measured: qualities and times, against a peer in one run. Never part of the tests."""
