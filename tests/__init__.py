"""The book's tests: see CONTRIBUTING.md for what runs when."""
