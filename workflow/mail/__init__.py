"""Mail: texts become bytes, bytes become an email that left once or says why not. Knows no database."""
