"""Readers of one family of formats each."""
