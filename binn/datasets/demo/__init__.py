"""The embedded demonstration "CONUS demo": real climate, terrain and vegetation; simulated soils.

A maintainers' tool (extra `demo`), run as ``binn demo build``. One file holds one block of the
dataset; `binn.datasets.demo.build` puts them together. ``data/README.md`` is the data card.
"""
