"""The engine that always works: names and roles for elements; structure, tables and repeated records for data."""
