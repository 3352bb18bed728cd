"""What a sweep file says: the text, its keys, and the document that is stored."""
