"""The compiler: a traced graph, the passes over it, and what runs it. Nothing outside knows it."""
