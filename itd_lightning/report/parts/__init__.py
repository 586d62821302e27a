"""What the sections share: numbers, curves, figures, templates."""
