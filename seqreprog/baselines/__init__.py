"""What the language model must beat. They predict without torch and without a backbone."""
