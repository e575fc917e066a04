"""The collections view: what there is, and pictures of the visitor's own."""
