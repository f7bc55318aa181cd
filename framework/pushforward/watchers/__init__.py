"""Pictures of a model, one kind a file: drawn at every report, kept as PNG, and joined to a film."""
