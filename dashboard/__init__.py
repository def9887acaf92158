"""The page: headless state, views and paper figures of it, and the shell that assembles them."""
