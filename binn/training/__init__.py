"""Training: what is fitted (`config`), on what (`split`), to what (`loss`) and how (`fit`).

Nothing heavy is imported here: ``from binn.training.fit import fit`` pays for torch, this does not.
"""
