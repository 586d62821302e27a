"""Parts that several sections share: numbers, curves, figures, templates."""

__all__ = [
    "budgets",
    "campaigns",
    "comparison_table",
    "curves",
    "figures",
    "heatmaps",
    "numbers",
    "pictures",
    "ranking",
    "tables",
    "template",
    "verdict",
]
