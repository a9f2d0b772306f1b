"""`longspan poll`: systems that cannot push are asked at an interval, and what has changed becomes events."""
