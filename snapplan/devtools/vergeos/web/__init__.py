"""HTTPS for the API, plain HTTP for the control interface: the only layer with a clock, files and sockets."""
