"""What views are drawn with: each part beside its script and its style."""
