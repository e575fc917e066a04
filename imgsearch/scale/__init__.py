"""What runs on a cluster: pictures embedded with Ray Data, into Parquet that a server's engine is loaded from."""
