"""Drivers: code that speaks to one kind of backend. ``base`` is the contract, ``registry`` finds them."""
