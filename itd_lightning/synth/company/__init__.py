"""The invented company: people, habits, folders, pages, texts."""
