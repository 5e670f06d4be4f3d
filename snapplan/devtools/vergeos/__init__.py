"""A simulator of the snapshot part of the VergeOS API v4, over HTTPS on 127.0.0.1.

It ships with the package, and not only with its tests, because it is of use to others than us: operators rehearse a
change of their policy against a description of their system before a real one sees it, and authors of drivers and
scripts find every documented oddity of the interface, and faults on demand, without a system of their own. Its
dependencies are in the extra ``vergeos-sim``; nothing else of snapplan imports it.

It knows what the published documentation and clients of the platform say, never a real system. Statements that those
sources only guess, or contradict each other about, are switches (``rules/switches.py``); the documentation lists them.

Layers, each importing only those before it:

- ``tables``: columns, keys and cascades of every table as data;
- ``store`` and ``refusal``: rows in memory; the answers of the platform other than success;
- ``query``: filters, projections, sorting, over the rows of a store;
- ``rules``: what the platform does: writes, actions, the scheduler, expiry. Plain Python: no clock, no file, no socket;
- ``seed`` with ``planting``, and ``state``: a system from a YAML description, or from what was saved;
- ``web``: HTTPS, faults and the control interface, the only layer with a clock; ``command`` starts it.
"""
