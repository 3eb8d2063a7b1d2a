"""From an instruction to an element or to values: one interface (base.py), several engines, tried in order."""
