"""The invented company: people, habits, folders, pages, texts."""

__all__ = [
    "calendar",
    "contacts",
    "directory",
    "folders",
    "habits",
    "organisation",
    "pages",
    "people",
    "texts",
    "words",
]
