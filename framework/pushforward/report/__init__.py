"""Reading a run after it: one page for it, and a table for several. Nothing here imports torch."""
