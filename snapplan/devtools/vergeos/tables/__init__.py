"""The tables of the API as data: columns, unique names, cascades. ``schema.TABLES`` has them all."""
