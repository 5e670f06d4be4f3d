"""From what a system already does to policy files: pure, from a platform's schedule to the text of a document.

``native`` makes a ``Draft`` out of a platform's own schedule; ``text`` writes a draft down. Another source (the file of
another tool) would be a module beside ``native`` that makes a draft too.
"""
