"""The steps of setup.py: what the stack needs and git does not carry. Standard library only: it makes the rest."""
