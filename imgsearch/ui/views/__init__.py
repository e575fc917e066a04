"""One module a view, each with a `render()`: read the state, make one call, draw."""
