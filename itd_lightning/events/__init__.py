"""The meaning of events for all views, one module per notion: mail, files, web, PCs, hours, days, people."""
