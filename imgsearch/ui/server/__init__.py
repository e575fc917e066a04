"""What the server does beside running the page: routes, middleware, limits, who may enter."""
