"""One SQLite file: connection, transactions, migrations. Knows no domain."""
