"""The meaning of events for all views, one module a notion: mail, files, web, PCs, hours, days, people."""
