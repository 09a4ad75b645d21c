"""Parts of the Models page, and the load dialog and receipts that other pages use too."""
