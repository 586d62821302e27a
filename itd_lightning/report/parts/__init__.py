"""Parts that several sections share: numbers, curves, figures, templates."""
