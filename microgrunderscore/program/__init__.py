"""A function of scalars as a program: traced, differentiated, re-rolled, printed."""
