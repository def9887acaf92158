"""Experiments that answer a question of the paper, on any canonical dataset."""
