"""Released -> sentences: the key findings of each chapter."""
