"""A question -> an ordered answer: search, re-ranking, query expansion, the measures of quality."""
