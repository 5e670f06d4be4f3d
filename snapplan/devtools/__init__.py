"""Tools for people who build on snapplan or rehearse with it; nothing else in the package imports them."""
