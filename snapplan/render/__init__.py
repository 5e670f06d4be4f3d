"""Plan document to text, Markdown and JSON; no decisions here."""
